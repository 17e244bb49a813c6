import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { ServiceAccounts } from '../access/service-accounts.ts'

/** `DELETE /api/v1/service-accounts/{id}` */
export function deleteServiceAccount(accounts: ServiceAccounts) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/service-accounts/:id',
    operationId: 'deleteServiceAccount',
    tags: ['Service accounts'],
    summary: 'Delete a service account',
    description: 'Its keys are revoked.',
    permission: 'identity:manage',
    updates: 'if-match-when-sent',
    errors: ['service_account_not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await accounts.delete(ctx, params.id, ifMatch)
      return null
    },
  })
}
