/*
 * `with/<provider>`: leads to another provider when a form asks for it; `with/<provider>/callback`: where people come back
 * to. A form, so that no page of somebody else begins a sign-in here.
 */
import { isError, type StoaError } from '@stoa/kernel'
import { html } from '@stoa/mail'
import { identityErrors } from '../errors.ts'
import type { Text } from '../languages/index.ts'
import type { Completion } from '../upstream/upstream-sign-in.ts'
import { continueTo } from './continue-to.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo, redirectTo } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { arrival, cookiesOf } from './sign-in-page.ts'

const CALLBACK = '/callback'

/** `with/<provider>`, `with/<provider>/callback` */
export function withPage({ upstream }: PagesDeps): Page {
  const comeBack = async (visit: PageVisit, providerId: string): Promise<PageAnswer> => {
    const { base, ctx, query, visitor } = visit
    const { next, ...completion } = await upstream.complete(ctx, providerId, query, visitor)
    // What a provider puts into the address is none of our pages' business.
    const at = { ...visit, query: new URLSearchParams(), next: continueTo(next, base) }
    return cameBack(at, completion)
  }
  return {
    path: 'with/*',
    get: told(async (visit) => {
      const { rest } = visit
      return rest.endsWith(CALLBACK)
        ? await comeBack(visit, rest.slice(0, -CALLBACK.length))
        : redirectTo(visit, 'sign-in')
    }),
    post: told(async (visit) => {
      const { ctx, expired, form: given, locale, next, rest, session, visitor } = visit
      if (expired) return redirectTo(visit, 'sign-in')
      const linksFor = given.get('link') === 'yes' ? (session?.personId ?? null) : null
      const beginning = { locale, next, linksFor, again: given.get('again') === 'yes' }
      const url = await upstream.begin(ctx, rest, beginning, visitor)
      return { kind: 'leave', to: url.href }
    }),
  }
}

function cameBack(visit: PageVisit, completion: Omit<Completion, 'next'>): PageAnswer {
  const done = completion as Completion
  if (done.kind === 'linked already') return redirectTo(visit, 'security')
  if (done.kind === 'unlinked') return redirectTo(visit, 'connect', { token: done.token })
  const { outcome } = done
  if (outcome.kind === 'factor') return redirectTo(visit, 'factor', { step: outcome.token })
  return { ...arrival(visit), cookies: cookiesOf(outcome) }
}

const TOLD: readonly (readonly [keyof typeof identityErrors, Text, number])[] = [
  ['upstream_cancelled', 'upstreamCancelled', 403],
  ['upstream_failed', 'upstreamFailed', 502],
  ['upstream_unavailable', 'upstreamAway', 503],
  ['link_spent', 'upstreamSpent', 410],
  ['account_linked_elsewhere', 'linkedElsewhere', 409],
  ['person_suspended', 'suspended', 403],
  ['too_many_attempts', 'upstreamTooMany', 429],
]

/** Says what went wrong, instead of failing. */
function told(handler: Page['get']): Page['get'] {
  return async (visit) => {
    try {
      return await handler(visit)
    } catch (error) {
      const [, text, status] = TOLD.find(([name]) => isError(error, identityErrors[name])) ?? []
      if (text === undefined || status === undefined) throw error
      const { say } = visit
      const { retryAfterSeconds } = error as StoaError
      const at = { ...visit, query: new URLSearchParams() }
      const body = html`<p>${say(text)}</p><p><a href="/${pathTo(at, 'sign-in').slice(1)}">${say('signIn')}</a></p>`
      return { kind: 'page', status, title: say('upstreamTitle'), body, isError: true, retryAfterSeconds }
    }
  }
}
