import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { Invitations } from '../members/invitations.ts'

/** `DELETE /api/v1/invitations/{id}` */
export function revokeInvitation(invitations: Invitations) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/invitations/:id',
    operationId: 'revokeInvitation',
    tags: ['Invitations'],
    summary: 'Take an invitation back',
    description:
      'Its link opens nothing any more; the invitation stays in the list, as `revoked`. One that was accepted or revoked already stays as it is, and the answer is the same. Whoever has joined by it stays a member.',
    permission: 'identity:manage',
    errors: ['invitation_not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await invitations.revoke(ctx, params.id)
      return null
    },
  })
}
