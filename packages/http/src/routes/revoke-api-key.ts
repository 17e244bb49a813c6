import { Type } from 'typebox'
import type { ApiKeys } from '../api-keys.ts'
import { IdParams } from '../fields.ts'
import { defineRoute } from '../route.ts'

export const revokeApiKey = (keys: ApiKeys) =>
  defineRoute({
    method: 'DELETE',
    url: '/api/v1/api-keys/:id',
    operationId: 'revokeApiKey',
    tags: ['API keys'],
    summary: 'Revoke an API key',
    description: 'For ever. Every node refuses it within a moment. The key stays in the list, with `revokedAt`.',
    permission: 'apiKeys:write',
    own: 'apiKeys:own',
    updates: 'if-match-when-sent',
    errors: ['not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    handler: async (ctx, { ifMatch, params }) => {
      await keys.revoke(ctx, params.id, ifMatch)
      return null
    },
  })
