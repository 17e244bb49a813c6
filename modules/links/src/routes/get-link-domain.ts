import { defineRoute, etag } from '@stoa/http'
import { LinkDomain } from '../domains/domain-schema.ts'
import type { LinkDomains } from '../domains/link-domains.ts'
import { LinkParams } from '../schema.ts'

/** `GET /api/v1/link-domains/{id}` */
export function getLinkDomain(domains: LinkDomains) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-domains/:id',
    operationId: 'getLinkDomain',
    tags: ['Link domains'],
    summary: 'Get a host for short links',
    description:
      'Its state, and the TXT record that proves it, which follows from organisation and host and so stays the same. A host that was `verified` is `pending` again when another organisation has proven it.',
    permission: 'links:read',
    errors: ['link_domain_not_found'],
    schema: { params: LinkParams, response: { 200: LinkDomain } },
    async handler(ctx, { params }, reply) {
      const domain = await domains.domainById(ctx, params)
      reply.header('etag', etag(domain.version))
      return domain
    },
  })
}
