import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { LinkDomains } from '../domains/link-domains.ts'
import { LinkParams } from '../schema.ts'

/** `DELETE /api/v1/link-domains/{id}` */
export function removeLinkDomain(domains: LinkDomains) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/link-domains/:id',
    operationId: 'removeLinkDomain',
    tags: ['Link domains'],
    summary: 'Remove a host for short links',
    description: 'Only one without links: a code that once led somewhere must never lead elsewhere.',
    permission: 'links:write',
    updates: 'if-match-when-sent',
    errors: ['link_domain_not_found', 'link_domain_in_use'],
    schema: { params: LinkParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await domains.removeDomain(ctx, { id: params.id, precondition: ifMatch })
      return null
    },
  })
}
