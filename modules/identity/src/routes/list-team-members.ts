import { defineRoute, IdParams, PageOf } from '@stoa/http'
import { TeamMember } from '../access/schema.ts'
import type { Teams } from '../members/teams.ts'

/** `GET /api/v1/teams/{id}/members` */
export function listTeamMembers(teams: Teams) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/teams/:id/members',
    operationId: 'listTeamMembers',
    tags: ['Teams'],
    summary: 'List who is in a team',
    description:
      'By their ids, with the name that the organisation gives them, else their own. Suspended members are among them: they may do nothing until the suspension ends.',
    permission: 'identity:read',
    list: { sorts: ['personId'] },
    errors: ['team_not_found'],
    schema: { params: IdParams, response: { 200: PageOf(TeamMember) } },
    async handler(ctx, { page, params }) {
      const after = page.after && String(page.after[0])
      return page.of(await teams.members(ctx, params.id, after, page.limit + 1), ({ id }) => [id])
    },
  })
}
