import { defineRoute, etag } from '@stoa/http'
import type { Roles } from '../access/roles.ts'
import { Role, RoleChange, RoleParams } from '../access/schema.ts'

/** `PATCH /api/v1/roles/{name}` */
export function updateRole(roles: Roles) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/roles/:name',
    operationId: 'updateRole',
    tags: ['Roles'],
    summary: 'Change a role',
    description:
      'For everybody who has it. Whoever changes a role must hold all that it allowed, and all that it allows then.',
    permission: 'identity:manage',
    updates: 'if-match',
    errors: ['role_not_found', 'role_built_in'],
    schema: { params: RoleParams, body: RoleChange, response: { 200: Role } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const role = await roles.update(ctx, params.name, body, ifMatch)
      reply.header('etag', etag(role.version))
      return role
    },
  })
}
