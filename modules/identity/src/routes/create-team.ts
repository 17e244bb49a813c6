import { defineRoute, etag } from '@stoa/http'
import { NewTeam, Team } from '../access/schema.ts'
import type { Teams } from '../members/teams.ts'

/** `POST /api/v1/teams` */
export function createTeam(teams: Teams) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/teams',
    operationId: 'createTeam',
    tags: ['Teams'],
    summary: 'Make a team',
    description:
      'Nobody is in it yet; whoever comes in has its roles. Its name is the only one of the organisation, to the letter (409). Nobody gives a team roles that allow more than they may do (403), or the role `owner`, which is for members alone (422).',
    permission: 'identity:manage',
    rateLimit: { capacity: 60, refillPerSecond: 1 },
    errors: ['team_exists', 'role_unknown'],
    schema: { body: NewTeam, response: { 201: Team } },
    async handler(ctx, { body }, reply) {
      const team = await teams.create(ctx, body)
      reply.header('location', `/api/v1/teams/${team.id}`)
      reply.header('etag', etag(team.version))
      return team
    },
  })
}
