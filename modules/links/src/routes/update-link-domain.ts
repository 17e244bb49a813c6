import { defineRoute, etag } from '@stoa/http'
import { LinkDomain, LinkDomainChange } from '../domains/domain-schema.ts'
import type { LinkDomains } from '../domains/link-domains.ts'
import { LinkParams } from '../schema.ts'

/** `PATCH /api/v1/link-domains/{id}` */
export function updateLinkDomain(domains: LinkDomains) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/link-domains/:id',
    operationId: 'updateLinkDomain',
    tags: ['Link domains'],
    summary: 'Change a host for short links',
    description: 'Where the host itself leads, and codes that do not exist. The host never changes.',
    permission: 'links:write',
    updates: 'if-match',
    errors: ['link_domain_not_found', 'target_refused'],
    schema: { params: LinkParams, body: LinkDomainChange, response: { 200: LinkDomain } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const domain = await domains.updateDomain(ctx, { id: params.id, precondition: ifMatch, change: body })
      reply.header('etag', etag(domain.version))
      return domain
    },
  })
}
