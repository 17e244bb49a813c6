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
