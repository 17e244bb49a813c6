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
    description:
      'Links may lead there, and to hosts below it, from now on, unless the host, or one above it, is blocked otherwise: here, or by the operator of the installation. No link is changed. One that is gone already is not found (404).',
    permission: 'links:moderate',
    errors: ['blocked_host_not_found'],
    schema: { params: LinkParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await blocked.unblock(ctx, params)
      return null
    },
  })
}
