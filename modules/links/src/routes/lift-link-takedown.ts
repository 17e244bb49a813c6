import { defineRoute, etag } from '@stoa/http'
import type { Links } from '../links.ts'
import { Link, LinkParams } from '../schema.ts'

/** `DELETE /api/v1/links/{id}/takedown` */
export function liftLinkTakedown(links: Links) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/links/:id/takedown',
    operationId: 'liftLinkTakedown',
    tags: ['Link safety'],
    summary: 'Put a link back that was taken down',
    description: 'A link that is not down stays as it is.',
    permission: 'links:moderate',
    updates: 'if-match-when-sent',
    errors: ['link_not_found', 'link_taken_down_by_operator'],
    schema: { params: LinkParams, response: { 200: Link } },
    async handler(ctx, { ifMatch, params }, reply) {
      const link = await links.liftTakedown(ctx, { id: params.id, precondition: ifMatch })
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
