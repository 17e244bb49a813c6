import { defineRoute, type RateLimit } from '@stoa/http'
import { isError, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { type Place, ROOT, type ShortHosts } from '../domains/short-hosts.ts'
import { linkErrors } from '../errors.ts'
import type { VisitQuery } from '../redirect/forwarded-query.ts'
import { cardPage } from '../redirect/preview-card.ts'
import { type Followed, REDIRECT_HEADERS, type Redirects } from '../redirect/redirect.ts'
import {
  heldPage,
  PASSWORD_MAX,
  pagePolicy,
  passwordPage,
  refusalPage,
  waitPage,
  wantsPage,
} from '../redirect/redirect-page.ts'

const page = (description: string) => ({
  description: `${description} A page for browsers, a problem for programs.`,
  content: { 'text/html': { schema: Type.String() } },
})

const redirection = <S extends 301 | 307 | 308>(status: S) =>
  ({
    [status]: {
      description: 'As 302, where the link says so.',
      content: { 'text/html': { schema: Type.String() } },
    },
  }) as { readonly [K in S]: ReturnType<typeof page> }

const shared = {
  method: 'GET',
  tags: ['Redirect'],
  summary: 'Follow a short link',
  description:
    'Redirects to the target and counts a click. HEAD redirects too and counts nothing, and neither does a prefetch. The answer is stale at once, so a change of the link holds from the next click on. A link with a password shows a page that asks for it; a link with a card shows that to programs that make previews. A link with a maximum of visits does not tell its target to HEAD, to a prefetch, or to a program that says so: they get 200.',
  permission: null,
  errors: ['link_not_found', 'link_gone', 'link_taken_down', 'link_password_required'],
  schema: {
    params: Type.Object({ code: Type.String({ minLength: 1, maxLength: 256 }) }),
    querystring: Type.Object({}, { additionalProperties: true, description: 'What the link may forward.' }),
    response: {
      200: page('The link is there, and was not followed.'),
      ...redirection(301),
      302: { description: 'The target, in `Location`.', content: { 'text/html': { schema: Type.String() } } },
      ...redirection(307),
      ...redirection(308),
      404: page('There is no such link.'),
      410: page('The link was taken down, and why; or it has expired.'),
    },
  },
} as const

/** `GET|HEAD /l/{code}`; every path on the hosts of tenants, and what can be a code on the installation's short host. */
export function followLink(redirects: Redirects, hosts: ShortHosts, rateLimit: RateLimit) {
  return defineRoute({
    ...shared,
    rateLimit,
    lane: redirects.lane('/l/'),
    claims: hosts.claim,
    url: '/l/:code',
    operationId: 'followLink',
    handler: (_ctx, request, reply) => answer(redirects, hosts.placeOf(request.host), request, reply),
  })
}

/** `POST /l/{code}`: what the page sends that asks for the password. */
export function openLink(redirects: Redirects, hosts: ShortHosts, rateLimit: RateLimit) {
  return defineRoute({
    method: 'POST',
    tags: ['Redirect'],
    summary: 'Say the password of a short link',
    description:
      'What the form of the page sends. With the right password the visit goes on, and a cookie remembers it for a day, until the password changes. Ten attempts at once and one more every 30 seconds, per link and address.',
    permission: null,
    formBody: true,
    bodyLimitBytes: 4_096,
    errors: ['link_not_found', 'link_gone', 'link_taken_down', 'link_password_required', 'rate_limited'],
    rateLimit,
    url: '/l/:code',
    operationId: 'openLink',
    schema: {
      params: shared.schema.params,
      querystring: shared.schema.querystring,
      body: Type.Object({
        password: Type.String({ minLength: 1, maxLength: PASSWORD_MAX, examples: ['correct horse battery staple'] }),
      }),
      response: {
        303: { description: 'The target, in `Location`.', content: { 'text/html': { schema: Type.String() } } },
        403: page('This is not the password.'),
        404: page('There is no such link.'),
        410: page('The link was taken down, and why; or it has expired.'),
        429: page('Too many attempts.'),
      },
    },
    handler(_ctx, { body, headers, host, ip, method, params, query }, reply) {
      const { password } = body
      return answer(redirects, hosts.placeOf(host), { headers, host, ip, method, params, query, password }, reply)
    },
  })
}

interface Request {
  readonly method: string
  readonly host: string
  readonly params: { readonly code: string }
  readonly query: VisitQuery
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly ip: string
  readonly password?: string
}

interface Reply {
  code(status: number): unknown
  header(name: string, value: string): unknown
  type(mediaType: string): unknown
}

async function answer(redirects: Redirects, place: Place, request: Request, reply: Reply): Promise<string> {
  const { headers, ip, method, params, password, query } = request
  const { rootTarget, space } = place
  reply.header('cache-control', REDIRECT_HEADERS['cache-control'])
  if (params.code === ROOT && rootTarget !== null) return redirect(reply, 302, rootTarget)
  const said = password !== undefined && { password }
  try {
    const visit = { space, code: params.code, method, headers, query, address: ip, ...said }
    return shown(await redirects.follow(visit), redirects, request, reply)
  } catch (refusal) {
    return refused(refusal, place, request, reply)
  }
}

function shown(followed: Followed, redirects: Redirects, request: Request, reply: Reply): string {
  switch (followed.kind) {
    case 'held':
      return sendPage(reply, 200, heldPage())
    case 'card':
      return sendPage(reply, 200, cardPage(followed.card, redirects.shortUrl(request.host, request.params.code)))
    case 'password':
      reply.header('vary', 'accept, cookie')
      if (!wantsPage(String(request.headers.accept ?? ''))) throw new StoaError(linkErrors.link_password_required)
      return sendPage(reply, followed.wrong ? 403 : 200, passwordPage(followed.wrong))
    case 'redirect':
      if (followed.cookie !== null) reply.header('set-cookie', followed.cookie)
      // What was said must not be sent on.
      return redirect(reply, request.password === undefined ? followed.status : 303, followed.target)
  }
}

function refused(refusal: unknown, { notFoundTarget }: Place, { headers }: Request, reply: Reply): string {
  const isUnknown = isError(refusal, linkErrors.link_not_found)
  if (isUnknown && notFoundTarget !== null) return redirect(reply, 302, notFoundTarget)
  reply.header('vary', 'accept')
  if (!(refusal instanceof StoaError) || !wantsPage(String(headers.accept ?? ''))) throw refusal
  if (refusal.kind === 'rate_limited') {
    reply.header('retry-after', String(refusal.retryAfterSeconds ?? 1))
    return sendPage(reply, 429, waitPage())
  }
  if (refusal.kind !== 'not_found' && refusal.kind !== 'gone') throw refusal
  return sendPage(reply, refusal.kind === 'gone' ? 410 : 404, refusalPage(refusal))
}

function redirect(reply: Reply, status: number, target: string): string {
  reply.code(status)
  reply.header('location', target)
  reply.header('referrer-policy', REDIRECT_HEADERS['referrer-policy'])
  return ''
}

function sendPage(reply: Reply, status: number, html: string): string {
  reply.code(status)
  reply.type('text/html; charset=utf-8')
  reply.header('content-security-policy', pagePolicy)
  return html
}
