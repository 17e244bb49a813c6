import { defineRoute, etag, IdParams } from '@stoa/http'
import { Team, TeamChange } from '../access/schema.ts'
import type { Teams } from '../members/teams.ts'

/** `PATCH /api/v1/teams/{id}` */
export function updateTeam(teams: Teams) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/teams/:id',
    operationId: 'updateTeam',
    tags: ['Teams'],
    summary: 'Change a team',
    description: 'Whoever changes a team must hold all that it gives, before and after.',
    permission: 'identity:manage',
    updates: 'if-match',
    errors: ['team_not_found', 'team_exists', 'role_unknown'],
    schema: { params: IdParams, body: TeamChange, response: { 200: Team } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const team = await teams.update(ctx, params.id, body, ifMatch)
      reply.header('etag', etag(team.version))
      return team
    },
  })
}
