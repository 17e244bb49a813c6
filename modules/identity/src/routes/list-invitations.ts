import { defineRoute, PageOf } from '@stoa/http'
import { Invitation, InvitationQuery } from '../access/schema.ts'
import type { Invitations } from '../members/invitations.ts'

/** `GET /api/v1/invitations` */
export function listInvitations(invitations: Invitations) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/invitations',
    operationId: 'listInvitations',
    tags: ['Invitations'],
    summary: 'List the invitations',
    description: 'The newest first.',
    permission: 'identity:manage',
    list: { sorts: ['-createdAt'] },
    schema: { querystring: InvitationQuery, response: { 200: PageOf(Invitation) } },
    async handler(ctx, { page, query }) {
      const before = page.after && String(page.after[0])
      return page.of(await invitations.list(ctx, query.state, before, page.limit + 1), ({ id }) => [id])
    },
  })
}
