import { defineRoute, etag, IdParams } from '@stoa/http'
import type { OAuthClients } from '../openid/oauth-clients.ts'
import { OAuthClient, OAuthClientChange, shownClient } from '../openid/oauth-schema.ts'

/** `PATCH /api/v1/oauth-clients/{id}` */
export function updateOAuthClient(clients: OAuthClients) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/oauth-clients/:id',
    operationId: 'updateOAuthClient',
    tags: ['Sign-on'],
    summary: 'Change an application',
    description:
      'Fields that are absent stay as they are. When it may do less than before, the access tokens that it has hold no longer.',
    permission: 'identity:clients:write',
    updates: 'if-match',
    errors: ['not_found'],
    schema: { params: IdParams, body: OAuthClientChange, response: { 200: OAuthClient } },
    async handler(ctx, { params, body, ifMatch }, reply) {
      const client = await clients.change(ctx, params.id, body as never, ifMatch)
      reply.header('etag', etag(client.version))
      return shownClient(client)
    },
  })
}
