import { Type } from 'typebox'
import type { ApiKeys } from '../api-keys.ts'
import { etag } from '../etag.ts'
import { IdParams } from '../fields.ts'
import { defineRoute } from '../route.ts'
import { CreatedApiKey, dateOf, ExpiresAt } from './api-key-schema.ts'

const DAY_SECONDS = 86_400

export const rotateApiKey = (keys: ApiKeys) =>
  defineRoute({
    method: 'POST',
    url: '/api/v1/api-keys/:id/rotation',
    operationId: 'rotateApiKey',
    tags: ['API keys'],
    summary: 'Rotate an API key',
    description:
      'Makes a key with the same name, scopes and owner, which takes its place; for a while both are good. The answer holds the new key, this once. Whoever rotates a key must hold all of its scopes; that of a person is rotated by that person alone.',
    permission: 'apiKeys:write',
    own: 'apiKeys:own',
    rateLimit: { capacity: 20, refillPerSecond: 1 },
    updates: 'if-match-when-sent',
    secretResponse: true,
    errors: ['not_found', 'api_key_revoked'],
    schema: {
      params: IdParams,
      body: Type.Object(
        {
          overlapSeconds: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 30 * DAY_SECONDS,
              description: 'For how long the old key is good beside the new one. Default: one day.',
              examples: [DAY_SECONDS],
            }),
          ),
          expiresAt: Type.Optional(ExpiresAt),
        },
        { title: 'ApiKeyRotation' },
      ),
      response: { 201: CreatedApiKey },
    },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const { overlapSeconds = DAY_SECONDS, expiresAt } = body
      const { apiKey, token } = await keys.rotate(ctx, params.id, {
        overlapMs: overlapSeconds * 1_000,
        expiresAt: dateOf(expiresAt),
        ifMatch,
      })
      reply.header('location', `/api/v1/api-keys/${apiKey.id}`)
      reply.header('etag', etag(apiKey.version))
      return { apiKey, key: token }
    },
  })
