/*
 * The pages of a tenant: `/t/acme/sign-in` and its neighbours. Rendered here, small, without a script; what is sent is
 * an ordinary form. At a host of the tenant's own there are those that people sign in by; the others lead to the
 * installation's address: who has the DNS of a host must not get what is a person's and not the tenant's.
 *
 *   visit ─▶ which page? ─▶ cookies, session, language, look ─▶ POST: from our own pages? the form's token? ─▶ page ─▶ document
 *
 * Whatever a page does not expect becomes a page too, with nothing of the error in it but the id of the request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { placeOf } from '@stoa/http'
import { asStoaError, type Clock, errors as ground, StoaError, tenantCtx } from '@stoa/kernel'
import { html } from '@stoa/mail'
import type { IssuerPlaces } from '../hosts/issuer-places.ts'
import { acceptedLocale, type Locale, localeOf, type Say, sayIn } from '../languages/index.ts'
import { type TenantVisit, wantsPage } from '../openid/tenant-mount.ts'
import { mintToken, tokenHash } from '../people/secret-token.ts'
import type { Cookies } from '../sign-in/session-cookie.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'
import { newNonce, pagePolicy } from './content-policy.ts'
import { continueTo } from './continue-to.ts'
import { documentOf, type Frame, leavingDocument } from './document.ts'
import type { FormTokens } from './form-token.ts'
import { lookOf } from './look.ts'
import type { CookieChange, Page, PageAnswer, PageVisit, ShownPage } from './page.ts'

/** What serving pages takes. */
export interface PageServerDeps {
  readonly pages: readonly Page[]
  readonly sessions: Sessions
  readonly settings: SignInSettings
  readonly cookies: Cookies
  readonly places: IssuerPlaces
  readonly formTokens: FormTokens
  readonly clock: Clock
}

/** The pages at a host of a tenant's own: what it takes to sign in, and out. */
const AT_OWN_HOST: ReadonlySet<string> = new Set([
  ...['sign-in', 'sign-out', 'factor', 'step-up', 'home', 'hand-over', 'with/*', 'connect', 'interaction/*'],
])

/** Most of a form that is read, in bytes. */
const FORM_MAX = 32_768

/** Serves pages. */
export class PageServer {
  readonly #pages: ReadonlyMap<string, Page>
  readonly #deps: PageServerDeps

  constructor(deps: PageServerDeps) {
    this.#deps = deps
    this.#pages = new Map(deps.pages.map((page) => [page.path, page]))
  }

  /** Answers when it is one of the pages. False: it is not, and nothing was done. */
  async serve(visit: TenantVisit): Promise<boolean> {
    const slash = visit.path.indexOf('/')
    const page =
      this.#pages.get(visit.path) ?? (slash < 0 ? undefined : this.#pages.get(`${visit.path.slice(0, slash)}/*`))
    if (visit.path === '' && (visit.at.isOwnHost || wantsPage(visit.request)))
      return sentTo(visit, `${visit.at.base}/home`)
    if (page === undefined) return false
    if (visit.at.isOwnHost && !AT_OWN_HOST.has(page.path))
      return sentTo(visit, `${this.#deps.places.pagesOf(visit.tenant.slug)}/${visit.path}${visit.url.search}`)
    const { request } = visit
    if (request.method === 'GET' || request.method === 'HEAD' || request.method === 'POST')
      await this.#answer(page, visit)
    else visit.response.writeHead(405, { allow: 'GET, HEAD, POST', 'content-length': '0' }).end()
    return true
  }

  /** Shows that there is nothing here, and the way to what there is. */
  lostIn(visit: TenantVisit): Promise<void> {
    return this.#answer(lostPage, visit)
  }

  /** Shows that there is nothing here, not even a tenant. */
  lostOutside(request: IncomingMessage, response: ServerResponse): void {
    const locale = acceptedLocale(request.headers['accept-language'])
    const say = sayIn(locale)
    const look = lookOf(this.#deps.places.hostOfAll(), null, null)
    const frame: Frame = { base: '', path: null, locale, say, look, query: new URLSearchParams(), nonce: newNonce() }
    this.#send(response, frame, lostAnswer(say), [], request.method === 'HEAD')
  }

  async #answer(page: Page, { at, call, request, response, tenant, url, path }: TenantVisit): Promise<void> {
    const isPost = request.method === 'POST'
    const { address, base, isOwnHost } = at
    const form = isPost ? await readForm(request) : new URLSearchParams()
    const { cookies, formTokens, sessions } = this.#deps
    const ctx = tenantCtx(call.ctx, tenant)
    const { registration: _, ...theme } = await this.#deps.settings.of(ctx)
    const look = lookOf(theme.displayName ?? tenant.name, theme.color, theme.logoUrl)
    const known = cookies.read(request.headers.cookie, 'device')
    const deviceToken = tokenHash(known) === null ? mintToken() : (known as string)
    const session = await sessions.findIn(ctx, cookies.read(request.headers.cookie, 'session'))
    const locale = chosenLocale(url.searchParams, session?.person.locale, request.headers['accept-language'])
    const own = session === null ? ctx : tenantCtx(ctx, tenant, { actor: { type: 'person', id: session.personId } })
    const holds = formTokens.holds(form.get('token_form'), deviceToken, session?.id ?? null)
    const visit: PageVisit = {
      ...{ rest: path.slice(path.indexOf('/') + 1), cookieHeader: request.headers.cookie },
      ...{ isOwnHost, home: this.#deps.places.pagesOf(tenant.slug) },
      ...{ ctx: own, tenant, base, query: url.searchParams, form, session, locale, look, host: call.host },
      visitor: {
        ...{ ip: call.ip, place: placeOf(request.headers['user-agent'], call.ip), deviceToken, address },
        boundTo: isOwnHost ? tenant.id : null,
      },
      expired: isPost && !(holds && isOwnPage(request, call.host)),
      say: sayIn(locale),
      next: continueTo(url.searchParams.get('continue'), base),
      formToken: formTokens.of(deviceToken, session?.id ?? null),
      nonce: newNonce(),
    }
    const frame: Frame = { ...visit, path: isPost ? null : path }
    const answer = await this.#outcome(page, visit, isPost)
    const fresh: CookieChange[] = known === deviceToken ? [] : [{ name: 'device', token: deviceToken, endsAt: null }]
    this.#send(response, frame, answer, [...fresh, ...(answer.cookies ?? [])], request.method === 'HEAD')
  }

  async #outcome(page: Page, visit: PageVisit, isPost: boolean): Promise<PageAnswer> {
    try {
      return await (isPost ? page.post(visit) : page.get(visit))
    } catch (thrown) {
      return failure(asStoaError(thrown), visit)
    }
  }

  #send(
    response: ServerResponse,
    frame: Frame,
    answer: PageAnswer,
    changes: readonly CookieChange[],
    isHead: boolean,
  ): void {
    const { clock, cookies } = this.#deps
    const now = clock.now()
    const written = changes.map(({ endsAt, name, token }) =>
      token === null ? cookies.removed(name) : cookies.written(name, token, endsAt, now),
    )
    if (written.length > 0) response.setHeader('set-cookie', written)
    response.setHeader('referrer-policy', 'same-origin')
    if (answer.kind === 'redirect') {
      response.writeHead(303, { location: answer.to, 'content-length': '0' }).end()
      return
    }
    if (answer.kind === 'download') {
      const { fileName, text } = answer
      response
        .writeHead(200, {
          'content-type': 'application/json; charset=utf-8',
          'content-disposition': `attachment; filename="${fileName}"`,
          'content-length': Buffer.byteLength(text),
        })
        .end(isHead ? undefined : text)
      return
    }
    const text = answer.kind === 'leave' ? leavingDocument(frame, answer.to) : documentOf(frame, answer)
    const { look, nonce } = frame
    response.setHeader(
      'content-security-policy',
      pagePolicy(look, nonce, { runs: answer.kind === 'page' && answer.runs }),
    )
    response.setHeader('x-frame-options', 'DENY')
    response.setHeader('permissions-policy', 'publickey-credentials-get=(self), publickey-credentials-create=(self)')
    response.setHeader('content-language', frame.locale)
    if (answer.kind === 'page' && answer.retryAfterSeconds !== undefined) {
      response.setHeader('retry-after', String(answer.retryAfterSeconds))
    }
    const status = answer.kind === 'page' ? (answer.status ?? 200) : 200
    response.writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(text),
    })
    response.end(isHead ? undefined : text)
  }
}

/** Leads to another page. */
function sentTo({ response }: TenantVisit, location: string): true {
  response.writeHead(303, { location, 'content-length': '0' }).end()
  return true
}

/** Where there is no page. */
const lostPage: Page = {
  path: '',
  get: ({ base, look, say }) => lostAnswer(say, { base, look }),
  post: ({ base, look, say }) => lostAnswer(say, { base, look }),
}

/** @param from the tenant that it is below. Default: there is none */
function lostAnswer(say: Say, from?: Pick<PageVisit, 'base' | 'look'>): ShownPage {
  const home = from && html`<p><a href="/${`${from.base}/home`.slice(1)}">${from.look.name}</a></p>`
  return {
    kind: 'page',
    status: 404,
    title: say('notFound'),
    body: html`<p>${say('notFoundText')}</p>${home ?? ''}`,
    isError: true,
  }
}

/** What a failure looks like; its details are in the log. */
function failure(error: StoaError, { ctx, say }: PageVisit): PageAnswer {
  const isBusy = error.kind === 'unavailable'
  if (error.kind === 'internal') ctx.log.error({ err: error.cause ?? error, context: error.context }, 'a page failed')
  else if (!isBusy) ctx.log.warn({ err: error }, 'a page was refused')
  const body = html`<p>${say('failedText')}</p><p><code>${ctx.requestId}</code></p>`
  const status = isBusy ? 503 : error.kind === 'internal' ? 500 : 400
  const { retryAfterSeconds } = error
  return { kind: 'page', status, title: say(isBusy ? 'busy' : 'failed'), body, isError: true, retryAfterSeconds }
}

/** What the address says, else what the person has chosen, else what the browser would like. */
function chosenLocale(query: URLSearchParams, own: string | undefined, header: string | undefined): Locale {
  return localeOf(query.get('lang')) ?? localeOf(own) ?? acceptedLocale(header)
}

/**
 * Whether a form comes from a page of ours, as far as the browser says (Fetch Metadata, Origin). One that says nothing is
 * believed: the form's token has the last word.
 */
function isOwnPage({ headers }: IncomingMessage, host: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  const { origin } = headers
  return origin === undefined || URL.parse(origin)?.host === host
}

/** Reads a form. @throws StoaError when it is none, or too long */
async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const [type = ''] = (request.headers['content-type'] ?? '').toLowerCase().split(';')
  if (type.trim() !== 'application/x-www-form-urlencoded') throw refused('unsupported_media_type')
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += (chunk as Buffer).length
    if (length > FORM_MAX) throw refused('payload_too_large')
    chunks.push(chunk as Buffer)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

function refused(code: 'unsupported_media_type' | 'payload_too_large'): StoaError {
  return new StoaError(ground[code])
}
