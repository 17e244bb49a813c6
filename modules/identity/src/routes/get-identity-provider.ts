import { defineRoute, etag, IdParams } from '@stoa/http'
import type { IdentityProviders } from '../upstream/identity-providers.ts'
import { IdentityProvider } from '../upstream/provider-schema.ts'

/** `GET /api/v1/identity-providers/{id}` */
export function getIdentityProvider(providers: IdentityProviders) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/identity-providers/:id',
    operationId: 'getIdentityProvider',
    tags: ['Identity'],
    summary: 'Get another provider',
    description:
      'All but its secret, which is kept sealed and never shown. `redirectUri` is the address that has to be registered over there.',
    permission: 'identity:configure',
    errors: ['not_found'],
    schema: { params: IdParams, response: { 200: IdentityProvider } },
    async handler(ctx, { params }, reply) {
      const provider = await providers.get(ctx, params.id)
      reply.header('etag', etag(provider.version))
      return provider
    },
  })
}
