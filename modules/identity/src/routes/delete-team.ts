import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { Teams } from '../members/teams.ts'

/** `DELETE /api/v1/teams/{id}` */
export function deleteTeam(teams: Teams) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/teams/:id',
    operationId: 'deleteTeam',
    tags: ['Teams'],
    summary: 'Delete a team',
    description: 'Its grants go with it.',
    permission: 'identity:manage',
    updates: 'if-match-when-sent',
    errors: ['team_not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await teams.delete(ctx, params.id, ifMatch)
      return null
    },
  })
}
