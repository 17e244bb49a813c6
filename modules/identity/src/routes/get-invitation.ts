import { defineRoute, IdParams } from '@stoa/http'
import { Invitation } from '../access/schema.ts'
import type { Invitations } from '../members/invitations.ts'

/** `GET /api/v1/invitations/{id}` */
export function getInvitation(invitations: Invitations) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/invitations/:id',
    operationId: 'getInvitation',
    tags: ['Invitations'],
    summary: 'Get an invitation',
    description:
      'One that was accepted, revoked or has expired is shown too: see `state`. Its link is in the mail and nowhere else, so a lost one takes a new invitation.',
    permission: 'identity:manage',
    errors: ['invitation_not_found'],
    schema: { params: IdParams, response: { 200: Invitation } },
    handler: (ctx, { params }) => invitations.get(ctx, params.id),
  })
}
