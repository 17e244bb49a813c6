import { cameBy, defineRoute, etag, wantsFresh } from '@stoa/http'
import type { Links } from '../links.ts'
import { Link, LinkParams } from '../schema.ts'

/** `GET /api/v1/links/{id}` */
export function getLink(links: Links) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/links/:id',
    operationId: 'getLink',
    tags: ['Links'],
    summary: 'Get a link',
    permission: 'links:read',
    resource: { kind: 'link', param: 'id' },
    cached: true,
    errors: ['link_not_found'],
    schema: { params: LinkParams, response: { 200: Link } },
    async handler(ctx, { headers, params }, reply) {
      const { outcome, value: link } = await links.linkById(ctx, { id: params.id, fresh: wantsFresh(headers) })
      cameBy(reply, outcome)
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
