import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import type { ScimGroups } from '../../scim/scim-groups.ts'

/** `DELETE /scim/v2/Groups/{id}` */
export function deleteScimGroup(groups: ScimGroups) {
  return defineRoute({
    method: 'DELETE',
    url: '/scim/v2/Groups/:id',
    operationId: 'deleteScimGroup',
    tags: ['SCIM'],
    summary: 'Delete a group',
    description: 'Its grants go with it.',
    permission: PROVISION,
    dialect: scim,
    updates: 'if-match-when-sent',
    errors: ['team_not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await groups.delete(ctx, params.id, ifMatch)
      return null
    },
  })
}
