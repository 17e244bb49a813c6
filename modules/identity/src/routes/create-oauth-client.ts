import { defineRoute, etag } from '@stoa/http'
import type { OAuthClients } from '../openid/oauth-clients.ts'
import { NewOAuthClient, OAuthClientWithSecret, shownClient } from '../openid/oauth-schema.ts'

/** `POST /api/v1/oauth-clients` */
export function createOAuthClient(clients: OAuthClients) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/oauth-clients',
    operationId: 'createOAuthClient',
    tags: ['Sign-on'],
    summary: 'Add an application',
    description:
      'It signs people in by the organisation’s OpenID provider, or signs in itself. The answer holds its secret, this once. It cannot be given more than its creator may do.',
    permission: 'identity:clients:write',
    secretResponse: true,
    schema: { body: NewOAuthClient, response: { 201: OAuthClientWithSecret } },
    async handler(ctx, { body }, reply) {
      const { client, secret } = await clients.add(ctx, body as never)
      reply.header('location', `/api/v1/oauth-clients/${client.id}`)
      reply.header('etag', etag(client.version))
      return { client: shownClient(client), secret }
    },
  })
}
