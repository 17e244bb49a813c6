import { defineRoute, etag } from '@stoa/http'
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
    errors: ['link_not_found'],
    schema: { params: LinkParams, response: { 200: Link } },
    async handler(ctx, request, reply) {
      const link = await links.linkById(ctx, { id: request.params.id })
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
