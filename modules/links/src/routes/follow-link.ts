import { defineRoute, type RateLimit } from '@stoa/http'
import type { ShortHosts } from '../domains/short-hosts.ts'
import type { Redirects } from '../redirect/redirect.ts'
import {
  answerVisit,
  html,
  nowhere,
  VISIT_ERRORS,
  VisitParams,
  VisitQuerystring,
  visitPage,
  visitTarget,
} from '../redirect/visit-answer.ts'

const asSaid = html('As 302, where the link says so.')

/** `GET|HEAD /l/{code}`; every path on the hosts of tenants, and what can be a code on the installation's short host. */
export function followLink(redirects: Redirects, hosts: ShortHosts, rateLimit: RateLimit) {
  return defineRoute({
    method: 'GET',
    url: '/l/:code',
    operationId: 'followLink',
    tags: ['Redirect'],
    summary: 'Follow a short link',
    description:
      'Redirects to the target and counts a click. HEAD redirects too and counts nothing, and neither does a prefetch. The answer is stale at once, so a change of the link holds from the next click on. A link with a password shows a page that asks for it; a link with a card shows that to programs that make previews. A link with a maximum of visits does not tell its target to HEAD, to a prefetch, or to a program that says so: they get 200.',
    permission: null,
    rateLimit,
    lane: redirects.lane('/l/'),
    claims: hosts.claim,
    errors: VISIT_ERRORS,
    schema: {
      params: VisitParams,
      querystring: VisitQuerystring,
      response: {
        200: visitPage('The link is there, and was not followed.'),
        301: asSaid,
        302: visitTarget,
        307: asSaid,
        308: asSaid,
        ...nowhere,
      },
    },
    handler: (_ctx, request, reply) => answerVisit(redirects, hosts.placeOf(request.host), request, reply),
  })
}
