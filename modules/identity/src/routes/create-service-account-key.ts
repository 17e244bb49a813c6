import { defineRoute, IdParams } from '@stoa/http'
import { NewServiceAccountKey, ServiceAccountKey } from '../access/schema.ts'
import type { ServiceAccounts } from '../access/service-accounts.ts'

/** `POST /api/v1/service-accounts/{id}/keys` */
export function createServiceAccountKey(accounts: ServiceAccounts) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/service-accounts/:id/keys',
    operationId: 'createServiceAccountKey',
    tags: ['Service accounts'],
    summary: 'Make a key of a service account',
    description:
      'The answer holds the key itself, this once. It is an API key like others: it is listed, rotated and revoked there.',
    permission: 'identity:manage',
    rateLimit: { capacity: 20, refillPerSecond: 1 },
    secretResponse: true,
    errors: ['service_account_not_found'],
    schema: { params: IdParams, body: NewServiceAccountKey, response: { 201: ServiceAccountKey } },
    async handler(ctx, { body, params }, reply) {
      const expiresAt = typeof body.expiresAt === 'string' ? new Date(body.expiresAt) : null
      const made = await accounts.createKey(ctx, params.id, { ...body, expiresAt })
      reply.header('location', `/api/v1/api-keys/${made.id}`)
      return made
    },
  })
}
