import { defineRoute } from '@stoa/http'
import { StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import type { Redirects } from '../redirect.ts'
import { pagePolicy, refusalPage, wantsPage } from '../redirect-page.ts'

const Page = { description: 'For browsers; programs get a problem.', content: { 'text/html': { schema: Type.String() } } }

/** `GET|HEAD /l/{code}`, and `GET|HEAD /{code}` on the dedicated short host. */
export function redirect(redirects: Redirects) {
  return defineRoute({
    method: 'GET',
    url: '/l/:code',
    operationId: 'followLink',
    tags: ['Redirect'],
    summary: 'Follow a short link',
    description:
      'Redirects to the target and counts a click. HEAD redirects and counts nothing; so does a prefetch. The answer may not be cached by anyone but the browser, and not even there for any time: a change of the link holds at once.',
    permission: null,
    errors: ['link_not_found', 'link_gone'],
    schema: {
      params: Type.Object({ code: Type.String({ minLength: 1, maxLength: 256 }) }),
      response: { 302: Type.Null(), 404: Page, 410: Page },
    },
    async handler(_ctx, request, reply) {
      const { code } = request.params
      reply.header('cache-control', 'private, max-age=0')
      reply.header('vary', 'accept')
      try {
        const target = await redirects.follow({ host: '', code, method: request.method, headers: request.headers })
        reply.header('location', target)
        reply.header('referrer-policy', 'strict-origin-when-cross-origin')
        return null
      } catch (refusal) {
        if (!(refusal instanceof StoaError) || !wantsPage(request.headers.accept)) throw refusal
      }
    },
  })
}
