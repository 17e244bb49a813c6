import { defineRoute, etag, IdParams } from '@stoa/http'
import { Member } from '../access/schema.ts'
import type { Members } from '../members/members.ts'

/** `POST /api/v1/members/{id}/suspension` */
export function suspendMember(members: Members) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/members/:id/suspension',
    operationId: 'suspendMember',
    tags: ['Members'],
    summary: 'Suspend a member',
    description: 'They may do nothing in this organisation until the suspension ends; in others they may.',
    permission: 'identity:manage',
    updates: 'if-match-when-sent',
    errors: ['member_not_found', 'last_owner'],
    schema: { params: IdParams, response: { 200: Member } },
    async handler(ctx, { ifMatch, params }, reply) {
      const member = await members.suspend(ctx, params.id, ifMatch)
      reply.header('etag', etag(member.version))
      return member
    },
  })
}
