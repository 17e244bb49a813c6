import { defineRoute, etag, IdParams } from '@stoa/http'
import { Member, OwnershipTransfer } from '../access/schema.ts'
import type { Members } from '../members/members.ts'

/** `POST /api/v1/members/{id}/ownership` */
export function transferOwnership(members: Members) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/members/:id/ownership',
    operationId: 'transferOwnership',
    tags: ['Members'],
    summary: 'Make a member an owner in the place of another one',
    description: 'The other one is an admin then. In one step, so that there is an owner always.',
    permission: 'identity:own',
    updates: 'if-match-when-sent',
    errors: ['member_not_found', 'person_required'],
    schema: { params: IdParams, body: OwnershipTransfer, response: { 200: Member } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const member = await members.transferOwnership(ctx, { to: params.id, from: body.from, precondition: ifMatch })
      reply.header('etag', etag(member.version))
      return member
    },
  })
}
