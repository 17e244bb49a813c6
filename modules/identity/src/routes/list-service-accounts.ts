import { defineRoute, PageOf } from '@stoa/http'
import { ServiceAccount } from '../access/schema.ts'
import type { ServiceAccounts } from '../access/service-accounts.ts'

/** `GET /api/v1/service-accounts` */
export function listServiceAccounts(accounts: ServiceAccounts) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/service-accounts',
    operationId: 'listServiceAccounts',
    tags: ['Service accounts'],
    summary: 'List the service accounts',
    description: 'The newest first, with those that are disabled. Their keys: `GET /api/v1/api-keys?ownerId=`.',
    permission: 'identity:read',
    list: { sorts: ['-createdAt'] },
    schema: { response: { 200: PageOf(ServiceAccount) } },
    async handler(ctx, { page }) {
      const before = page.after && String(page.after[0])
      return page.of(await accounts.list(ctx, before, page.limit + 1), ({ id }) => [id])
    },
  })
}
