import { defineRoute, etag } from '@stoa/http'
import type { Links } from '../links.ts'
import { Link, LinkParams } from '../schema.ts'

/** `POST /api/v1/links/{id}/archival` */
export function archiveLink(links: Links) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/links/:id/archival',
    operationId: 'archiveLink',
    tags: ['Links'],
    summary: 'Take a link down',
    description: 'From now on the link answers 410. Its code stays taken. A link that is down already stays as it is.',
    permission: 'links:write',
    resource: { kind: 'link', param: 'id' },
    updates: 'if-match-when-sent',
    errors: ['link_not_found'],
    schema: { params: LinkParams, response: { 200: Link } },
    async handler(ctx, { ifMatch, params }, reply) {
      const link = await links.archiveLink(ctx, { id: params.id, precondition: ifMatch })
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
