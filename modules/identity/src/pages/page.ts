/*
 * What a page is told and what it answers. A page is a function of a visit; it knows neither sockets nor headers.
 */
import type { TenantRecord } from '@stoa/db'
import type { Ctx } from '@stoa/kernel'
import type { Html } from '@stoa/mail'
import type { Locale, Say } from '../languages/index.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import type { Look } from './look.ts'

/** Somebody at a page. */
export interface PageVisit {
  /** Of the tenant; its actor is who is signed in, or nobody. */
  readonly ctx: Ctx
  readonly tenant: TenantRecord
  /** What stands before the paths of the pages: `/t/acme`; nothing at a host of the tenant's own. */
  readonly base: string
  /** They are at a host of the tenant's own, which has no pages but those of signing in. */
  readonly isOwnHost: boolean
  /** Where all the pages are, at the installation: `https://stoa.example.org/t/acme`. */
  readonly home: string
  /** What the last part of the path is, for a page whose path ends with `/*`. */
  readonly rest: string
  /** What the browser sent of cookies. */
  readonly cookieHeader: string | undefined
  readonly query: URLSearchParams
  /** What was sent; empty for GET. Its form token has been checked. */
  readonly form: URLSearchParams
  /** Whether what was sent cannot be taken: its form token does not hold. The page is shown again. */
  readonly expired: boolean
  readonly session: LiveSessionRow | null
  readonly visitor: Visitor
  readonly locale: Locale
  readonly say: Say
  readonly look: Look
  /** Where they wanted to go, checked; null when they named nothing. */
  readonly next: string | null
  /** For the hidden field of forms. */
  readonly formToken: string
  /** What style and script of the answer name, to be shown and run. */
  readonly nonce: string
  /** Host as the caller names it. */
  readonly host: string
}

/** A cookie to be set or taken away. */
export interface CookieChange {
  readonly name: 'session' | 'device'
  /** null: taken away. */
  readonly token: string | null
  /** null: as long as browsers keep one. */
  readonly endsAt: Date | null
}

interface Answer {
  readonly cookies?: readonly CookieChange[]
}

/** A page to be shown. */
export interface ShownPage extends Answer {
  readonly kind: 'page'
  /** Default 200. */
  readonly status?: number
  readonly title: string
  /** Everything below the heading. */
  readonly body: Html
  /** Begins the title of the window with the word for an error. */
  readonly isError?: boolean
  readonly retryAfterSeconds?: number | undefined
  /** It has the script of passkeys. Default: nothing runs on it. */
  readonly runs?: boolean
}

/** Another page to go to: one of ours. */
export interface Redirect extends Answer {
  readonly kind: 'redirect'
  readonly to: string
}

/**
 * Another place of the tenant to go to, which may lead on to another origin. It is left by a page that refreshes at once,
 * because browsers hold a chain of redirects behind a form to the form's own policy (`form-action`).
 */
interface Leave extends Answer {
  readonly kind: 'leave'
  readonly to: string
}

/** A file to be kept. */
interface Download extends Answer {
  readonly kind: 'download'
  readonly fileName: string
  /** JSON. */
  readonly text: string
}

/** What a page answers. */
export type PageAnswer = ShownPage | Redirect | Leave | Download

/** Answers a visit. */
type PageHandler = (visit: PageVisit) => Promise<PageAnswer> | PageAnswer

/** A page: what is shown, and what its forms do. */
export interface Page {
  /** Below the tenant: `sign-in`; `interaction/*` for whatever one part stands there. */
  readonly path: string
  readonly get: PageHandler
  readonly post: PageHandler
}

/** A link inside of the tenant's pages, with the language and the place to go to. */
export function pathTo(visit: PageVisit, page: string, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(more)
  const lang = visit.query.get('lang')
  if (lang !== null) query.set('lang', visit.locale)
  if (visit.next !== null) query.set('continue', visit.next)
  return `${visit.base}/${page}${query.size === 0 ? '' : `?${query}`}`
}

/** Goes to a page. */
export function redirectTo(visit: PageVisit, page: string, more?: Readonly<Record<string, string>>): Redirect {
  return { kind: 'redirect', to: pathTo(visit, page, more) }
}
