import { Type } from 'typebox'
import type { ApiKeys } from '../api-keys.ts'
import { etag } from '../etag.ts'
import { defineRoute } from '../route.ts'
import { CreatedApiKey, dateOf, ExpiresAt, Name, Scopes } from './api-key-schema.ts'

export const createApiKey = (keys: ApiKeys) =>
  defineRoute({
    method: 'POST',
    url: '/api/v1/api-keys',
    operationId: 'createApiKey',
    tags: ['API keys'],
    summary: 'Create an API key',
    description: 'The answer holds the key itself, this once. A key cannot be given more than its creator may do.',
    permission: 'apiKeys:write',
    own: 'apiKeys:own',
    rateLimit: { capacity: 20, refillPerSecond: 1 },
    secretResponse: true,
    schema: {
      body: Type.Object({ name: Name, scopes: Scopes, expiresAt: Type.Optional(ExpiresAt) }, { title: 'NewApiKey' }),
      response: { 201: CreatedApiKey },
    },
    async handler(ctx, { body }, reply) {
      const { name, scopes, expiresAt = null } = body
      const { apiKey, token } = await keys.create(ctx, { name, scopes, expiresAt: dateOf(expiresAt) })
      reply.header('location', `/api/v1/api-keys/${apiKey.id}`)
      reply.header('etag', etag(apiKey.version))
      return { apiKey, key: token }
    },
  })
