import { defineRoute } from '@stoa/http'
import type { IdentityProviders } from '../upstream/identity-providers.ts'
import { IdentityProviders as Shape } from '../upstream/provider-schema.ts'

/** `GET /api/v1/identity-providers` */
export function listIdentityProviders(providers: IdentityProviders) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/identity-providers',
    operationId: 'listIdentityProviders',
    tags: ['Identity'],
    summary: 'List the other providers that people sign in by',
    description:
      'All of them, 20 at the most, the oldest first; with those that are switched off (`enabled`), and without their secrets.',
    permission: 'identity:configure',
    schema: { response: { 200: Shape } },
    handler: async (ctx) => ({ items: await providers.list(ctx) }),
  })
}
