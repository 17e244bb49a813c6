import { defineRoute, PageOf } from '@stoa/http'
import { BlockedHost } from '../safety/blocked-host-schema.ts'
import type { BlockedHosts } from '../safety/blocked-hosts.ts'

/** `GET /api/v1/link-blocked-hosts` */
export function listLinkBlockedHosts(blocked: BlockedHosts) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-blocked-hosts',
    operationId: 'listLinkBlockedHosts',
    tags: ['Link safety'],
    summary: 'List the hosts to which no link may lead',
    description: 'Those of the organisation, by name. The operator of the installation may block others.',
    permission: 'links:moderate',
    list: { sorts: ['host'], defaultSort: 'host' },
    schema: { response: { 200: PageOf(BlockedHost) } },
    async handler(ctx, { page }) {
      const rows = await blocked.list(ctx, { after: String(page.after?.[0] ?? ''), limit: page.limit + 1 })
      return page.of(rows, ({ host, id }) => [host, id])
    },
  })
}
