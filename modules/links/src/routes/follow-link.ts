import { defineRoute, type RateLimit } from '@stoa/http'
import { errors, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { REDIRECT_HEADERS, type Redirects } from '../redirect.ts'
import { pagePolicy, refusalPage, wantsPage } from '../redirect-page.ts'
import { DEFAULT_HOST } from '../short-host.ts'

const page = (description: string) => ({
  description: `${description} A page for browsers, a problem for programs.`,
  content: { 'text/html': { schema: Type.String() } },
})

const shared = {
  method: 'GET',
  tags: ['Redirect'],
  summary: 'Follow a short link',
  description:
    'Redirects to the target and counts a click. HEAD redirects too and counts nothing, and neither does a prefetch. The answer is stale at once, so a change of the link holds from the next click on.',
  permission: null,
  errors: ['link_not_found', 'link_gone'],
  schema: {
    params: Type.Object({ code: Type.String({ minLength: 1, maxLength: 256 }) }),
    response: {
      302: { description: 'The target, in `Location`.', content: { 'text/html': { schema: Type.String() } } },
      404: page('There is no such link.'),
      410: page('The link was taken down or has expired.'),
    },
  },
} as const

/** `GET|HEAD /l/{code}` */
export function followLink(redirects: Redirects, rateLimit: RateLimit) {
  return defineRoute({
    ...shared,
    rateLimit,
    lane: redirects.lane('/l/', null),
    url: '/l/:code',
    operationId: 'followLink',
    handler: (_ctx, request, reply) => answer(redirects, request, reply),
  })
}

/** `GET|HEAD /{code}` on the dedicated short host; on any other host there is nothing at this path. */
export function followShortLink(redirects: Redirects, rateLimit: RateLimit, shortHost: string) {
  return defineRoute({
    ...shared,
    rateLimit,
    lane: redirects.lane('/', shortHost),
    url: '/:code',
    operationId: 'followShortLink',
    handler: (_ctx, request, reply) => {
      if (request.host.toLowerCase() !== shortHost) throw new StoaError(errors.not_found)
      return answer(redirects, request, reply)
    },
  })
}

interface Request {
  readonly method: string
  readonly params: { readonly code: string }
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

interface Reply {
  code(status: number): unknown
  header(name: string, value: string): unknown
  type(mediaType: string): unknown
}

async function answer(redirects: Redirects, { method, params, headers }: Request, reply: Reply): Promise<string> {
  reply.header('cache-control', REDIRECT_HEADERS['cache-control'])
  try {
    const target = await redirects.follow({ host: DEFAULT_HOST, code: params.code, method, headers })
    reply.header('location', target)
    reply.header('referrer-policy', REDIRECT_HEADERS['referrer-policy'])
    return ''
  } catch (refusal) {
    reply.header('vary', 'accept')
    const isRefusal = refusal instanceof StoaError && (refusal.kind === 'not_found' || refusal.kind === 'gone')
    if (!isRefusal || !wantsPage(String(headers.accept ?? ''))) throw refusal
    reply.code(refusal.kind === 'gone' ? 410 : 404)
    reply.type('text/html; charset=utf-8')
    reply.header('content-security-policy', pagePolicy)
    return refusalPage(refusal)
  }
}
