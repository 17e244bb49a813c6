import { defineRoute } from '@stoa/http'
import type { Authorization } from '../access/authorization.ts'
import { OwnPermissions } from '../access/schema.ts'

/** `GET /api/v1/me/permissions` */
export function getOwnPermissions(authorization: Authorization) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/me/permissions',
    operationId: 'getOwnPermissions',
    tags: ['Me'],
    summary: 'Get what the caller may do',
    description: 'With these credentials: the lesser of what the roles and the scopes allow.',
    permission: 'identity:self',
    schema: { response: { 200: OwnPermissions } },
    async handler(ctx) {
      const grants = [...(ctx.grants ?? [])].map(([resource, permissions]) => {
        const colon = resource.indexOf(':')
        const named = { kind: resource.slice(0, colon), id: resource.slice(colon + 1) }
        return { resource: named, permissions: [...permissions].sort() }
      })
      return { permissions: [...ctx.permissions].sort(), roles: await authorization.rolesOf(ctx), grants }
    },
  })
}
