import { defineRoute, PageOf } from '@stoa/http'
import type { OAuthClients } from '../openid/oauth-clients.ts'
import { OAuthClient, shownClient } from '../openid/oauth-schema.ts'

/** `GET /api/v1/oauth-clients` */
export function listOAuthClients(clients: OAuthClients) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/oauth-clients',
    operationId: 'listOAuthClients',
    tags: ['Sign-on'],
    summary: 'List the applications',
    description:
      'The newest first, unless `sort` says otherwise; with those that have registered themselves (`registered`), and without secrets.',
    permission: 'identity:clients:read',
    list: { sorts: ['-createdAt', 'createdAt'] },
    schema: { response: { 200: PageOf(OAuthClient) } },
    async handler(ctx, { page }) {
      const found = await clients.list(ctx, page as never)
      return { ...found, data: found.data.map(shownClient) } as never
    },
  })
}
