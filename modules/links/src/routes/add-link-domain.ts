import { defineRoute, etag } from '@stoa/http'
import { LinkDomain, NewLinkDomain } from '../domains/domain-schema.ts'
import type { LinkDomains } from '../domains/link-domains.ts'

/** `POST /api/v1/link-domains` */
export function addLinkDomain(domains: LinkDomains) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/link-domains',
    operationId: 'addLinkDomain',
    tags: ['Link domains'],
    summary: 'Add a host for short links',
    description:
      'The host has to lead here, and to be proven: the answer says which TXT record has to stand in DNS. It is looked for in the background for three days. Codes on the host are a namespace of their own.',
    permission: 'links:write',
    errors: ['link_domain_invalid', 'link_domain_taken', 'link_domain_limit', 'target_refused'],
    schema: { body: NewLinkDomain, response: { 201: LinkDomain } },
    async handler(ctx, { body }, reply) {
      const domain = await domains.addDomain(ctx, body)
      reply.header('location', `/api/v1/link-domains/${domain.id}`)
      reply.header('etag', etag(domain.version))
      return domain
    },
  })
}
