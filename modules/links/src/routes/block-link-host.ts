import { defineRoute } from '@stoa/http'
import { BlockedHost, NewBlockedHost } from '../safety/blocked-host-schema.ts'
import type { BlockedHosts } from '../safety/blocked-hosts.ts'

/** `POST /api/v1/link-blocked-hosts` */
export function blockLinkHost(blocked: BlockedHosts) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/link-blocked-hosts',
    operationId: 'blockLinkHost',
    tags: ['Link safety'],
    summary: 'Block a host',
    description:
      'No link is made or changed so that it leads there, or to a host below it. Links that lead there already stay: the task `links.check` tells which.',
    permission: 'links:moderate',
    errors: ['blocked_host_invalid', 'blocked_host_taken', 'blocked_host_limit'],
    schema: { body: NewBlockedHost, response: { 201: BlockedHost } },
    handler: (ctx, { body }) => blocked.block(ctx, body),
  })
}
