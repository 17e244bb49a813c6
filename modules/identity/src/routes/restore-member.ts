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
