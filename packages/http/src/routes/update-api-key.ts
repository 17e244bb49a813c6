import { Type } from 'typebox'
import type { ApiKeys } from '../api-keys.ts'
import { etag } from '../etag.ts'
import { IdParams } from '../fields.ts'
import { defineRoute } from '../route.ts'
import { ApiKey, dateOf, ExpiresAt, Name, Scopes } from './api-key-schema.ts'

export const updateApiKey = (keys: ApiKeys) =>
  defineRoute({
    method: 'PATCH',
    url: '/api/v1/api-keys/:id',
    operationId: 'updateApiKey',
    tags: ['API keys'],
    summary: 'Change an API key',
    description: 'Its name, its scopes, its end. The secret stays. Whoever changes a key must hold all of its scopes.',
    permission: 'apiKeys:write',
    own: 'apiKeys:own',
    updates: 'if-match',
    errors: ['not_found', 'api_key_revoked'],
    schema: {
      params: IdParams,
      body: Type.Object(
        { name: Type.Optional(Name), scopes: Type.Optional(Scopes), expiresAt: Type.Optional(ExpiresAt) },
        { minProperties: 1, title: 'ApiKeyChange' },
      ),
      response: { 200: ApiKey },
    },
    async handler(ctx, { params, body, ifMatch }, reply) {
      const { name, scopes, expiresAt } = body
      const apiKey = await keys.update(ctx, params.id, { name, scopes, expiresAt: dateOf(expiresAt) }, ifMatch)
      reply.header('etag', etag(apiKey.version))
      return apiKey
    },
  })
