import { defineRoute, etag, IdParams } from '@stoa/http'
import type { OAuthClients } from '../openid/oauth-clients.ts'
import { OAuthClientWithSecret, shownClient } from '../openid/oauth-schema.ts'

/** `POST /api/v1/oauth-clients/{id}/secret` */
export function rotateOAuthClientSecret(clients: OAuthClients) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/oauth-clients/:id/secret',
    operationId: 'rotateOAuthClientSecret',
    tags: ['Sign-on'],
    summary: 'Give an application another secret',
    description: 'The one before opens nothing from now on, and neither do access tokens that were got by it.',
    permission: 'identity:clients:write',
    updates: 'if-match',
    secretResponse: true,
    errors: ['not_found', 'conflict'],
    schema: { params: IdParams, response: { 200: OAuthClientWithSecret } },
    async handler(ctx, { params, ifMatch }, reply) {
      const { client, secret } = await clients.rotateSecret(ctx, params.id, ifMatch)
      reply.header('etag', etag(client.version))
      return { client: shownClient(client), secret }
    },
  })
}
