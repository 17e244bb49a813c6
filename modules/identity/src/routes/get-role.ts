import { defineRoute, etag } from '@stoa/http'
import type { Roles } from '../access/roles.ts'
import { Role, RoleParams } from '../access/schema.ts'

/** `GET /api/v1/roles/{name}` */
export function getRole(roles: Roles) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/roles/:name',
    operationId: 'getRole',
    tags: ['Roles'],
    summary: 'Get a role',
    description:
      'A built-in one, or one of the organisation’s own, with all that it allows. A built-in role never changes: its version stays 1, and it has no times.',
    permission: 'identity:read',
    errors: ['role_not_found'],
    schema: { params: RoleParams, response: { 200: Role } },
    async handler(ctx, { params }, reply) {
      const role = await roles.get(ctx, params.name)
      reply.header('etag', etag(role.version))
      return role
    },
  })
}
