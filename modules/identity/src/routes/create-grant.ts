import { defineRoute } from '@stoa/http'
import type { Grants } from '../access/grants.ts'
import { Grant, NewGrant } from '../access/schema.ts'

/** `POST /api/v1/grants` */
export function createGrant(grants: Grants) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/grants',
    operationId: 'createGrant',
    tags: ['Grants'],
    summary: 'Grant a role',
    description:
      'To a person, a team or a service account: in the whole organisation, or on one thing, for ever or for a while.',
    permission: 'identity:manage',
    rateLimit: { capacity: 60, refillPerSecond: 1 },
    errors: ['role_unknown', 'member_not_found', 'team_not_found', 'service_account_not_found', 'grant_exists'],
    schema: { body: NewGrant, response: { 201: Grant } },
    async handler(ctx, { body }, reply) {
      const expiresAt = typeof body.expiresAt === 'string' ? new Date(body.expiresAt) : null
      const grant = await grants.create(ctx, { ...body, expiresAt })
      reply.header('location', `/api/v1/grants/${grant.id}`)
      return grant
    },
  })
}
