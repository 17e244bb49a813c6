import { defineRoute, etag, IdParams } from '@stoa/http'
import type { IdentityProviders } from '../upstream/identity-providers.ts'
import { IdentityProvider, IdentityProviderChange } from '../upstream/provider-schema.ts'

/** `PATCH /api/v1/identity-providers/{id}` */
export function updateIdentityProvider(providers: IdentityProviders) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/identity-providers/:id',
    operationId: 'updateIdentityProvider',
    tags: ['Identity'],
    summary: 'Change another provider',
    description:
      'Fields that are absent stay as they are. Accounts that were linked belong to the issuer of then: by another one nobody signs in until they have linked anew.',
    permission: 'identity:configure',
    updates: 'if-match',
    errors: ['not_found'],
    schema: { params: IdParams, body: IdentityProviderChange, response: { 200: IdentityProvider } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const provider = await providers.change(ctx, params.id, body, ifMatch)
      reply.header('etag', etag(provider.version))
      return provider
    },
  })
}
