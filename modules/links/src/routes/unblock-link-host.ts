import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { BlockedHosts } from '../safety/blocked-hosts.ts'
import { LinkParams } from '../schema.ts'

/** `DELETE /api/v1/link-blocked-hosts/{id}` */
export function unblockLinkHost(blocked: BlockedHosts) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/link-blocked-hosts/:id',
    operationId: 'unblockLinkHost',
    tags: ['Link safety'],
    summary: 'Unblock a host',
    permission: 'links:moderate',
    errors: ['blocked_host_not_found'],
    schema: { params: LinkParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await blocked.unblock(ctx, params)
      return null
    },
  })
}
