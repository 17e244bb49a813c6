import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { IdentityProviders } from '../upstream/identity-providers.ts'

const Query = Type.Object({
  anyway: Type.Optional(
    Type.Boolean({ description: 'Also when people sign in by it and by nothing else. Default: false.' }),
  ),
})

/** `DELETE /api/v1/identity-providers/{id}` */
export function removeIdentityProvider(providers: IdentityProviders) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/identity-providers/:id',
    operationId: 'removeIdentityProvider',
    tags: ['Identity'],
    summary: 'Remove another provider',
    description:
      'With the accounts that were linked to it. Sessions that were begun by it go on. Refused while it is the only way in of somebody, unless `anyway` says otherwise. To stop it at once, and undo that later, set `enabled` to false.',
    permission: 'identity:configure',
    // What people sign in by is no tenant's: it is counted in a transaction of the system's own.
    waits: true,
    updates: 'if-match-when-sent',
    errors: ['not_found', 'only_way_in'],
    schema: { params: IdParams, querystring: Query, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params, query }) {
      await providers.remove(ctx, params.id, { anyway: query.anyway ?? false, precondition: ifMatch })
      return null
    },
  })
}
