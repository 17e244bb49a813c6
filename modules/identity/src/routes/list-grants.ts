import { defineRoute, PageOf } from '@stoa/http'
import type { Grants } from '../access/grants.ts'
import { Grant, GrantQuery } from '../access/schema.ts'

/** `GET /api/v1/grants` */
export function listGrants(grants: Grants) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/grants',
    operationId: 'listGrants',
    tags: ['Grants'],
    summary: 'List the grants',
    description: 'Those that have not ended, the newest first.',
    permission: 'identity:read',
    list: { sorts: ['-createdAt'] },
    schema: { querystring: GrantQuery, response: { 200: PageOf(Grant) } },
    async handler(ctx, { page, query }) {
      const before = page.after && String(page.after[0])
      return page.of(await grants.list(ctx, { ...query, before, limit: page.limit + 1 }), ({ id }) => [id])
    },
  })
}
