import { defineRoute, etag, IdParams } from '@stoa/http'
import type { OAuthClients } from '../openid/oauth-clients.ts'
import { OAuthClient, shownClient } from '../openid/oauth-schema.ts'

/** `GET /api/v1/oauth-clients/{id}` */
export function getOAuthClient(clients: OAuthClients) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/oauth-clients/:id',
    operationId: 'getOAuthClient',
    tags: ['Sign-on'],
    summary: 'Get an application',
    description:
      'All but its secret, of which a hash alone is kept. Who has lost it gets another: `POST /api/v1/oauth-clients/{id}/secret`.',
    permission: 'identity:clients:read',
    errors: ['not_found'],
    schema: { params: IdParams, response: { 200: OAuthClient } },
    async handler(ctx, { params }, reply) {
      const client = await clients.get(ctx, params.id)
      reply.header('etag', etag(client.version))
      return shownClient(client)
    },
  })
}
