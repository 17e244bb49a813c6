import { defineRoute, etag } from '@stoa/http'
import type { IdentityProviders } from '../upstream/identity-providers.ts'
import { IdentityProvider, NewIdentityProvider } from '../upstream/provider-schema.ts'

/** `POST /api/v1/identity-providers` */
export function createIdentityProvider(providers: IdentityProviders) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/identity-providers',
    operationId: 'createIdentityProvider',
    tags: ['Identity'],
    summary: 'Let people sign in by another provider',
    description:
      'Google, Microsoft, GitHub, or any OpenID provider. Whoever signs in by it is asked once to prove the account that they have here; what they do then counts in this organisation alone.',
    permission: 'identity:configure',
    errors: ['conflict'],
    schema: { body: NewIdentityProvider, response: { 201: IdentityProvider } },
    async handler(ctx, { body }, reply) {
      const provider = await providers.add(ctx, body)
      reply.header('location', `/api/v1/identity-providers/${provider.id}`)
      reply.header('etag', etag(provider.version))
      return provider
    },
  })
}
