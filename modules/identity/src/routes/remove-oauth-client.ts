import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { OAuthClients } from '../openid/oauth-clients.ts'

/** `DELETE /api/v1/oauth-clients/{id}` */
export function removeOAuthClient(clients: OAuthClients) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/oauth-clients/:id',
    operationId: 'removeOAuthClient',
    tags: ['Sign-on'],
    summary: 'Remove an application',
    description: 'With all that was given out to it: sign-ins, refresh tokens, access tokens.',
    permission: 'identity:clients:write',
    updates: 'if-match-when-sent',
    errors: ['not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await clients.remove(ctx, params.id, ifMatch)
      return null
    },
  })
}
