import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { Roles } from '../access/roles.ts'
import { RoleParams } from '../access/schema.ts'

/** `DELETE /api/v1/roles/{name}` */
export function deleteRole(roles: Roles) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/roles/:name',
    operationId: 'deleteRole',
    tags: ['Roles'],
    summary: 'Delete a role',
    description: 'One that nobody has.',
    permission: 'identity:manage',
    updates: 'if-match-when-sent',
    errors: ['role_not_found', 'role_built_in', 'role_in_use'],
    schema: { params: RoleParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await roles.delete(ctx, params.name, ifMatch)
      return null
    },
  })
}
