import { defineRoute, etag } from '@stoa/http'
import { LinkDomain } from '../domains/domain-schema.ts'
import type { LinkDomains } from '../domains/link-domains.ts'
import { LinkParams } from '../schema.ts'

/** `POST /api/v1/link-domains/{id}/verification` */
export function verifyLinkDomain(domains: LinkDomains) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/link-domains/:id/verification',
    operationId: 'verifyLinkDomain',
    tags: ['Link domains'],
    summary: 'Verify a host for short links',
    description: 'Looks now whether the TXT record stands. One that is verified already stays as it is.',
    permission: 'links:write',
    rateLimit: { capacity: 60, refillPerSecond: 1 },
    updates: 'if-match-when-sent',
    waits: true,
    errors: ['link_domain_not_found', 'link_domain_not_proven', 'link_domain_taken'],
    schema: { params: LinkParams, response: { 200: LinkDomain } },
    async handler(ctx, { ifMatch, params }, reply) {
      const domain = await domains.verifyDomain(ctx, { id: params.id, precondition: ifMatch })
      reply.header('etag', etag(domain.version))
      return domain
    },
  })
}
