import { defineRoute } from '@stoa/http'
import type { Roles } from '../access/roles.ts'
import { RoleList } from '../access/schema.ts'

/** `GET /api/v1/roles` */
export function listRoles(roles: Roles) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/roles',
    operationId: 'listRoles',
    tags: ['Roles'],
    summary: 'List the roles',
    description: 'The built-in ones first.',
    permission: 'identity:read',
    schema: { response: { 200: RoleList } },
    handler: async (ctx) => ({ data: await roles.list(ctx) }),
  })
}
