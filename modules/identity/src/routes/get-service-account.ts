import { defineRoute, etag, IdParams } from '@stoa/http'
import { ServiceAccount } from '../access/schema.ts'
import type { ServiceAccounts } from '../access/service-accounts.ts'

/** `GET /api/v1/service-accounts/{id}` */
export function getServiceAccount(accounts: ServiceAccounts) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/service-accounts/:id',
    operationId: 'getServiceAccount',
    tags: ['Service accounts'],
    summary: 'Get a service account',
    description:
      'With its roles, and since when it is disabled, if it is. Its keys and what it was granted besides: `GET /api/v1/api-keys?ownerId=` and `GET /api/v1/grants?subjectId=`.',
    permission: 'identity:read',
    errors: ['service_account_not_found'],
    schema: { params: IdParams, response: { 200: ServiceAccount } },
    async handler(ctx, { params }, reply) {
      const account = await accounts.get(ctx, params.id)
      reply.header('etag', etag(account.version))
      return account
    },
  })
}
