import { defineRoute, etag, IdParams } from '@stoa/http'
import { Member } from '../access/schema.ts'
import type { Members } from '../members/members.ts'

/** `GET /api/v1/members/{id}` */
export function getMember(members: Members) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/members/:id',
    operationId: 'getMember',
    tags: ['Members'],
    summary: 'Get a member',
    description:
      'By the id of the person; suspended members too. The name is the one that the organisation gives, else their own. `roles` are those of the membership alone: what comes by teams and grants stands there.',
    permission: 'identity:read',
    errors: ['member_not_found'],
    schema: { params: IdParams, response: { 200: Member } },
    async handler(ctx, { params }, reply) {
      const member = await members.get(ctx, params.id)
      reply.header('etag', etag(member.version))
      return member
    },
  })
}
