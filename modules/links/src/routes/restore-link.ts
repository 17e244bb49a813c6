import { defineRoute, etag } from '@stoa/http'
import type { Links } from '../links.ts'
import { Link, LinkParams } from '../schema.ts'

/** `DELETE /api/v1/links/{id}/archival` */
export function restoreLink(links: Links) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/links/:id/archival',
    operationId: 'restoreLink',
    tags: ['Links'],
    summary: 'Put an archived link back',
    description:
      'The link redirects again, unless it has expired meanwhile. A link that is not archived stays as it is.',
    permission: 'links:write',
    resource: { kind: 'link', param: 'id' },
    updates: 'if-match-when-sent',
    errors: ['link_not_found'],
    schema: { params: LinkParams, response: { 200: Link } },
    async handler(ctx, { ifMatch, params }, reply) {
      const link = await links.restoreLink(ctx, { id: params.id, precondition: ifMatch })
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
