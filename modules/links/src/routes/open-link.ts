import { defineRoute, type RateLimit } from '@stoa/http'
import { Type } from 'typebox'
import type { ShortHosts } from '../domains/short-hosts.ts'
import type { Redirects } from '../redirect/redirect.ts'
import { PASSWORD_MAX } from '../redirect/redirect-page.ts'
import {
  answerVisit,
  nowhere,
  VISIT_ERRORS,
  VisitParams,
  VisitQuerystring,
  visitPage,
  visitTarget,
} from '../redirect/visit-answer.ts'

/** `POST /l/{code}`: what the page sends that asks for the password. */
export function openLink(redirects: Redirects, hosts: ShortHosts, rateLimit: RateLimit) {
  return defineRoute({
    method: 'POST',
    url: '/l/:code',
    operationId: 'openLink',
    tags: ['Redirect'],
    summary: 'Say the password of a short link',
    description:
      'What the form of the page sends. With the right password the visit goes on, and a cookie remembers it for a day, until the password changes. Ten attempts at once and one more every 30 seconds, per link and address.',
    permission: null,
    rateLimit,
    formBody: true,
    bodyLimitBytes: 4_096,
    errors: [...VISIT_ERRORS, 'rate_limited'],
    schema: {
      params: VisitParams,
      querystring: VisitQuerystring,
      body: Type.Object({
        password: Type.String({ minLength: 1, maxLength: PASSWORD_MAX, examples: ['correct horse battery staple'] }),
      }),
      response: {
        303: visitTarget,
        403: visitPage('This is not the password.'),
        ...nowhere,
        429: visitPage('Too many attempts.'),
      },
    },
    handler(_ctx, { body, headers, host, ip, method, params, query }, reply) {
      const { password } = body
      return answerVisit(redirects, hosts.placeOf(host), { headers, host, ip, method, params, query, password }, reply)
    },
  })
}
