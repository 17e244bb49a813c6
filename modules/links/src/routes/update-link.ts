import { defineRoute, etag } from '@stoa/http'
import type { Links } from '../links.ts'
import { Link, LinkChange, LinkParams } from '../schema.ts'

/** `PATCH /api/v1/links/{id}` */
export function updateLink(links: Links) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/links/:id',
    operationId: 'updateLink',
    tags: ['Links'],
    summary: 'Change a link',
    description: 'Fields that are absent stay as they are. The code of a link never changes.',
    permission: 'links:write',
    resource: { kind: 'link', param: 'id' },
    updates: 'if-match',
    errors: ['link_not_found', 'target_refused'],
    schema: { params: LinkParams, body: LinkChange, response: { 200: Link } },
    async handler(ctx, { params, body, ifMatch }, reply) {
      const link = await links.updateLink(ctx, { id: params.id, precondition: ifMatch, change: body })
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
