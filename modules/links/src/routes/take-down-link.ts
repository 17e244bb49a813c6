import { defineRoute, etag } from '@stoa/http'
import type { Links } from '../links.ts'
import { NewTakedown } from '../safety/takedown.ts'
import { Link, LinkParams } from '../schema.ts'

/** `POST /api/v1/links/{id}/takedown` */
export function takeDownLink(links: Links) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/links/:id/takedown',
    operationId: 'takeDownLink',
    tags: ['Link safety'],
    summary: 'Take a harmful link down',
    description:
      'From now on the link answers 410 and says why. Its open reports are upheld. Whoever may only write links cannot lift it. A link that is down already gets the new reason, unless the operator took it down.',
    permission: 'links:moderate',
    updates: 'if-match-when-sent',
    errors: ['link_not_found', 'link_taken_down_by_operator'],
    schema: { params: LinkParams, body: NewTakedown, response: { 200: Link } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const link = await links.takeDownLink(ctx, { id: params.id, precondition: ifMatch, ...body })
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
