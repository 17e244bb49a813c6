import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { IdentityProviders } from '../upstream/identity-providers.ts'

/** `DELETE /api/v1/identity-providers/{id}` */
export function removeIdentityProvider(providers: IdentityProviders) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/identity-providers/:id',
    operationId: 'removeIdentityProvider',
    tags: ['Identity'],
    summary: 'Remove another provider',
    description: 'With the accounts that were linked to it. Sessions that were begun by it go on.',
    permission: 'identity:configure',
    errors: ['not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await providers.remove(ctx, params.id)
      return null
    },
  })
}
