import { defineRoute, type RateLimit } from '@stoa/http'
import { isError, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { linkErrors } from '../errors.ts'
import type { VisitQuery } from '../forwarded-query.ts'
import { REDIRECT_HEADERS, type Redirects } from '../redirect.ts'
import { heldPage, pagePolicy, refusalPage, wantsPage } from '../redirect-page.ts'
import { type Place, ROOT, type ShortHosts } from '../short-hosts.ts'

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
    'Redirects to the target and counts a click. HEAD redirects too and counts nothing, and neither does a prefetch. The answer is stale at once, so a change of the link holds from the next click on. A link with a maximum of visits does not tell its target to HEAD, to a prefetch, or to a program that says so: they get 200.',
  permission: null,
  errors: ['link_not_found', 'link_gone'],
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
      410: page('The link was taken down or has expired.'),
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

interface Request {
  readonly method: string
  readonly params: { readonly code: string }
  readonly query: VisitQuery
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly ip: string
}

interface Reply {
  code(status: number): unknown
  header(name: string, value: string): unknown
  type(mediaType: string): unknown
}

async function answer(
  redirects: Redirects,
  { notFoundTarget, rootTarget, space }: Place,
  { headers, ip, method, params, query }: Request,
  reply: Reply,
): Promise<string> {
  reply.header('cache-control', REDIRECT_HEADERS['cache-control'])
  if (params.code === ROOT && rootTarget !== null) return redirect(reply, 302, rootTarget)
  try {
    const followed = await redirects.follow({
      space,
      code: params.code,
      method,
      headers,
      query,
      address: ip,
    })
    if (followed === null) return sendPage(reply, 200, heldPage())
    return redirect(reply, followed.status, followed.target)
  } catch (refusal) {
    const isUnknown = isError(refusal, linkErrors.link_not_found)
    if (isUnknown && notFoundTarget !== null) return redirect(reply, 302, notFoundTarget)
    reply.header('vary', 'accept')
    const isRefusal = refusal instanceof StoaError && (refusal.kind === 'not_found' || refusal.kind === 'gone')
    if (!isRefusal || !wantsPage(String(headers.accept ?? ''))) throw refusal
    return sendPage(reply, refusal.kind === 'gone' ? 410 : 404, refusalPage(refusal))
  }
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
