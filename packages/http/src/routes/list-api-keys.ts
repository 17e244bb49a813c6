import { Type } from 'typebox'
import type { ApiKeys } from '../api-keys.ts'
import { PageOf } from '../pagination.ts'
import { defineRoute } from '../route.ts'
import { ApiKey } from './api-key-schema.ts'

export const listApiKeys = (keys: ApiKeys) =>
  defineRoute({
    method: 'GET',
    url: '/api/v1/api-keys',
    operationId: 'listApiKeys',
    tags: ['API keys'],
    summary: 'List the API keys',
    description:
      'The newest first, unless `sort` says otherwise; revoked ones too, unless `revoked` does. No key is shown itself: `prefix` tells them apart. Whoever has `apiKeys:own` alone sees their own, and none of others.',
    permission: 'apiKeys:read',
    own: 'apiKeys:own',
    list: { sorts: ['-createdAt', 'createdAt'] },
    schema: {
      querystring: Type.Object({
        revoked: Type.Optional(Type.Boolean({ description: 'Only those that are revoked, or that are not.' })),
        ownerId: Type.Optional(
          Type.String({ format: 'uuid', description: 'Only those of this person or service account.' }),
        ),
      }),
      response: { 200: PageOf(ApiKey) },
    },
    handler: (ctx, { query, page }) => keys.list(ctx, query, page),
  })
