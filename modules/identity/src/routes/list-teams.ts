import { defineRoute, PageOf } from '@stoa/http'
import { Team } from '../access/schema.ts'
import type { Teams } from '../members/teams.ts'

/** `GET /api/v1/teams` */
export function listTeams(teams: Teams) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/teams',
    operationId: 'listTeams',
    tags: ['Teams'],
    summary: 'List the teams',
    description:
      'By name. Each with its roles and how many are in it; who they are is answered by `GET /api/v1/teams/{id}/members`.',
    permission: 'identity:read',
    list: { sorts: ['name'] },
    schema: { response: { 200: PageOf(Team) } },
    async handler(ctx, { page }) {
      const after = page.after && String(page.after[0])
      return page.of(await teams.list(ctx, after, page.limit + 1), ({ name }) => [name])
    },
  })
}
