import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { Members } from '../members/members.ts'

/** `DELETE /api/v1/me/membership` */
export function leaveOrganisation(members: Members) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/me/membership',
    operationId: 'leaveOrganisation',
    tags: ['Me'],
    summary: 'Leave the organisation',
    description:
      'The one that the token or the key is for. Keys, grants and what applications were given end with the membership. The last owner stays: make somebody else an owner first.',
    permission: 'identity:self',
    errors: ['person_required', 'member_not_found', 'last_owner'],
    schema: { response: { 204: Type.Null() } },
    async handler(ctx) {
      await members.leave(ctx)
      return null
    },
  })
}
