import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import type { ScimUsers } from '../../scim/scim-users.ts'

/** `DELETE /scim/v2/Users/{id}` */
export function deleteScimUser(users: ScimUsers) {
  return defineRoute({
    method: 'DELETE',
    url: '/scim/v2/Users/:id',
    operationId: 'deleteScimUser',
    tags: ['SCIM'],
    summary: 'Delete a user',
    description: 'The membership ends; the person stays a person.',
    permission: PROVISION,
    dialect: scim,
    updates: 'if-match-when-sent',
    errors: ['member_not_found', 'last_owner'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await users.delete(ctx, params.id, ifMatch)
      return null
    },
  })
}
