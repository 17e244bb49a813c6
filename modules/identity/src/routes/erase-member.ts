import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { PersonalData } from '../people/personal-data.ts'

/** `POST /api/v1/members/{id}/erasure` */
export function eraseMember(personalData: PersonalData) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/members/:id/erasure',
    operationId: 'eraseMember',
    tags: ['Members'],
    summary: 'Erase a member who belongs to no other organisation',
    description:
      'The person and all that is theirs alone, for good; the journal keeps their id. Whoever belongs to others, too, is removed instead, and erases themselves on the page of their account.',
    permission: 'identity:manage',
    // People are not the tenant's: they are erased in a transaction of the system's own.
    waits: true,
    errors: ['member_not_found', 'member_elsewhere', 'last_owner'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await personalData.eraseMember(ctx, params.id)
      return null
    },
  })
}
