import { defineRoute, etag, IdParams } from '@stoa/http'
import { Member, MemberChange } from '../access/schema.ts'
import type { Members } from '../members/members.ts'

/** `PATCH /api/v1/members/{id}` */
export function updateMember(members: Members) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/members/:id',
    operationId: 'updateMember',
    tags: ['Members'],
    summary: 'Set the roles of a member',
    description:
      'In the place of those that they have. Whoever does it must hold all that the member may do, before and after. It holds at once: also for keys, and for connections that are open.',
    permission: 'identity:manage',
    updates: 'if-match',
    errors: ['member_not_found', 'role_unknown', 'last_owner'],
    schema: { params: IdParams, body: MemberChange, response: { 200: Member } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const member = await members.update(ctx, params.id, body.roles, ifMatch)
      reply.header('etag', etag(member.version))
      return member
    },
  })
}
