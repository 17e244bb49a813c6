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
    description:
      'By its id; by its address it is found with `GET /api/v1/links?shortUrl=`. Links that are archived, expired or taken down are shown too, and of a password only that there is one. Whoever was granted `links:read` on this one link may see it.',
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
