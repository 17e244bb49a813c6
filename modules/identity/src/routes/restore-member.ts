import { defineRoute, etag, IdParams } from '@stoa/http'
import { Member } from '../access/schema.ts'
import type { Members } from '../members/members.ts'

/** `DELETE /api/v1/members/{id}/suspension` */
export function restoreMember(members: Members) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/members/:id/suspension',
    operationId: 'restoreMember',
    tags: ['Members'],
    summary: 'End the suspension of a member',
    description:
      'From now on they may do again what their roles allow, by their API keys too. What the suspension has ended (sign-ins of applications, access tokens) does not come back. Whoever does it must hold all that the member may do in the whole organisation, by teams and grants too; what they may do on single things is not looked at. A member who is not suspended stays as they are.',
    permission: 'identity:manage',
    updates: 'if-match-when-sent',
    errors: ['member_not_found'],
    schema: { params: IdParams, response: { 200: Member } },
    async handler(ctx, { ifMatch, params }, reply) {
      const member = await members.restore(ctx, params.id, ifMatch)
      reply.header('etag', etag(member.version))
      return member
    },
  })
}
