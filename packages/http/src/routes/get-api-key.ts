import type { ApiKeys } from '../api-keys.ts'
import { etag } from '../etag.ts'
import { IdParams } from '../fields.ts'
import { defineRoute } from '../route.ts'
import { ApiKey } from './api-key-schema.ts'

export const getApiKey = (keys: ApiKeys) =>
  defineRoute({
    method: 'GET',
    url: '/api/v1/api-keys/:id',
    operationId: 'getApiKey',
    tags: ['API keys'],
    summary: 'Get an API key',
    description:
      'What it may do, whose it is, when it ends and when it was last used, to the minute. The key itself was shown once, and a hash alone is kept. Revoked ones are found, too; whoever has `apiKeys:own` alone finds their own (404 for others).',
    permission: 'apiKeys:read',
    own: 'apiKeys:own',
    errors: ['not_found'],
    schema: { params: IdParams, response: { 200: ApiKey } },
    async handler(ctx, { params }, reply) {
      const apiKey = await keys.get(ctx, params.id)
      reply.header('etag', etag(apiKey.version))
      return apiKey
    },
  })
