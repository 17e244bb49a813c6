import { defineRoute, etag, IdParams } from '@stoa/http'
import { ServiceAccount, ServiceAccountChange } from '../access/schema.ts'
import type { ServiceAccounts } from '../access/service-accounts.ts'

/** `PATCH /api/v1/service-accounts/{id}` */
export function updateServiceAccount(accounts: ServiceAccounts) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/service-accounts/:id',
    operationId: 'updateServiceAccount',
    tags: ['Service accounts'],
    summary: 'Change a service account',
    description:
      'Fields that are absent stay as they are; `roles` take the place of those before. While it is `disabled` its keys are refused. Whoever changes it must hold all that its roles allow, before and after (403); `owner` is for members alone (422).',
    permission: 'identity:manage',
    updates: 'if-match',
    errors: ['service_account_not_found', 'role_unknown'],
    schema: { params: IdParams, body: ServiceAccountChange, response: { 200: ServiceAccount } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const account = await accounts.update(ctx, params.id, body, ifMatch)
      reply.header('etag', etag(account.version))
      return account
    },
  })
}
