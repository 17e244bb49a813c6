import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { TeamMemberParams } from '../access/schema.ts'
import type { Teams } from '../members/teams.ts'

/** `PUT /api/v1/teams/{id}/members/{personId}` */
export function addTeamMember(teams: Teams) {
  return defineRoute({
    method: 'PUT',
    url: '/api/v1/teams/:id/members/:personId',
    operationId: 'addTeamMember',
    tags: ['Teams'],
    summary: 'Put a member into a team',
    description:
      'From now on they have its roles and grants. Whoever is in it already stays, so it can be sent again. Only a member can be in a team (404). Whoever does it must hold all that the team gives (403).',
    permission: 'identity:manage',
    errors: ['team_not_found', 'member_not_found'],
    schema: { params: TeamMemberParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await teams.add(ctx, params.id, [params.personId])
      return null
    },
  })
}
