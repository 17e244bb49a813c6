import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { Members } from '../members/members.ts'

/** `DELETE /api/v1/members/{id}` */
export function removeMember(members: Members) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/members/:id',
    operationId: 'removeMember',
    tags: ['Members'],
    summary: 'Remove a member',
    description:
      'Their grants, their places in teams and their keys go with them, and the invitations that they sent and nobody has accepted. The person stays a person, here and in other organisations.',
    permission: 'identity:manage',
    updates: 'if-match-when-sent',
    errors: ['member_not_found', 'last_owner'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await members.remove(ctx, params.id, ifMatch)
      return null
    },
  })
}
