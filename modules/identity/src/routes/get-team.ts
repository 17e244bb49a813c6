import { defineRoute, etag, IdParams } from '@stoa/http'
import { Team } from '../access/schema.ts'
import type { Teams } from '../members/teams.ts'

/** `GET /api/v1/teams/{id}` */
export function getTeam(teams: Teams) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/teams/:id',
    operationId: 'getTeam',
    tags: ['Teams'],
    summary: 'Get a team',
    description:
      'With its own roles and how many are in it. What it was granted besides: `GET /api/v1/grants?subjectId=`.',
    permission: 'identity:read',
    errors: ['team_not_found'],
    schema: { params: IdParams, response: { 200: Team } },
    async handler(ctx, { params }, reply) {
      const team = await teams.get(ctx, params.id)
      reply.header('etag', etag(team.version))
      return team
    },
  })
}
