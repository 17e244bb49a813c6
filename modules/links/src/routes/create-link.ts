import { defineRoute, etag } from '@stoa/http'
import { newId } from '@stoa/kernel'
import type { Links } from '../links.ts'
import { Link, NewLink } from '../schema.ts'

/** `POST /api/v1/links` */
export function createLink(links: Links) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/links',
    operationId: 'createLink',
    tags: ['Links'],
    summary: 'Create a short link',
    description:
      'Without a `slug` the link gets a generated code of seven characters. The target is normalised; what is stored is in the answer.',
    permission: 'links:write',
    errors: ['slug_taken', 'slug_invalid', 'target_refused'],
    schema: { body: NewLink, response: { 200: Link, 201: Link } },
    async handler(ctx, request, reply) {
      const id = newId(ctx.clock)
      const link = await links.createLink(ctx, request.body, id)
      reply.code(link.id === id ? 201 : 200)
      reply.header('location', `/api/v1/links/${link.id}`)
      reply.header('etag', etag(link.version))
      return link
    },
  })
}
