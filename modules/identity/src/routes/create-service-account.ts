import { defineRoute, etag } from '@stoa/http'
import { NewServiceAccount, ServiceAccount } from '../access/schema.ts'
import type { ServiceAccounts } from '../access/service-accounts.ts'

/** `POST /api/v1/service-accounts` */
export function createServiceAccount(accounts: ServiceAccounts) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/service-accounts',
    operationId: 'createServiceAccount',
    tags: ['Service accounts'],
    summary: 'Make a service account',
    description: 'A program that is a member. It holds API keys: they do what their scopes allow and its roles do.',
    permission: 'identity:manage',
    rateLimit: { capacity: 60, refillPerSecond: 1 },
    errors: ['role_unknown'],
    schema: { body: NewServiceAccount, response: { 201: ServiceAccount } },
    async handler(ctx, { body }, reply) {
      const account = await accounts.create(ctx, body)
      reply.header('location', `/api/v1/service-accounts/${account.id}`)
      reply.header('etag', etag(account.version))
      return account
    },
  })
}
