import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { TeamMemberParams } from '../access/schema.ts'
import type { Teams } from '../members/teams.ts'

/** `DELETE /api/v1/teams/{id}/members/{personId}` */
export function removeTeamMember(teams: Teams) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/teams/:id/members/:personId',
    operationId: 'removeTeamMember',
    tags: ['Teams'],
    summary: 'Take a member out of a team',
    description:
      'What they had by the team alone they have no longer, at once: also by keys, and on connections that are open. Who is not in it is not found (404). Whoever does it must hold all that the team gives (403).',
    permission: 'identity:manage',
    errors: ['team_not_found', 'member_not_found'],
    schema: { params: TeamMemberParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await teams.remove(ctx, params.id, [params.personId])
      return null
    },
  })
}
