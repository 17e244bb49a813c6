import { defineRoute } from '@stoa/http'
import { Invitation, NewInvitation } from '../access/schema.ts'
import type { Invitations } from '../members/invitations.ts'

/** `POST /api/v1/invitations` */
export function createInvitation(invitations: Invitations) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/invitations',
    operationId: 'createInvitation',
    tags: ['Invitations'],
    summary: 'Invite somebody',
    description:
      'By mail. The link works once, and for whoever has proven that the address is theirs. An older invitation to the address holds no longer.',
    permission: 'identity:manage',
    rateLimit: { capacity: 50, refillPerSecond: 0.5 },
    errors: ['email_invalid', 'role_unknown', 'team_not_found', 'already_member'],
    schema: { body: NewInvitation, response: { 201: Invitation } },
    async handler(ctx, { body }, reply) {
      const invitation = await invitations.create(ctx, body)
      reply.header('location', `/api/v1/invitations/${invitation.id}`)
      return invitation
    },
  })
}
