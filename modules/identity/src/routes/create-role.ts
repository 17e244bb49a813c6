import { defineRoute, etag } from '@stoa/http'
import type { Roles } from '../access/roles.ts'
import { NewRole, Role } from '../access/schema.ts'

/** `POST /api/v1/roles` */
export function createRole(roles: Roles) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/roles',
    operationId: 'createRole',
    tags: ['Roles'],
    summary: 'Make a role',
    description:
      'A set of permissions, by a name that does not change. Nobody can make a role that allows more than they may do.',
    permission: 'identity:manage',
    rateLimit: { capacity: 60, refillPerSecond: 1 },
    errors: ['role_exists', 'too_many_roles'],
    schema: { body: NewRole, response: { 201: Role } },
    async handler(ctx, { body }, reply) {
      const role = await roles.create(ctx, body)
      reply.header('location', `/api/v1/roles/${role.name}`)
      reply.header('etag', etag(role.version))
      return role
    },
  })
}
