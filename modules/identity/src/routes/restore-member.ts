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
    errors: ['member_not_found'],
    schema: { params: IdParams, response: { 200: Member } },
    async handler(ctx, { params }, reply) {
      const member = await members.restore(ctx, params.id)
      reply.header('etag', etag(member.version))
      return member
    },
  })
}
