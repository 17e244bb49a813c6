import { defineRoute, IdParams } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimPatch, ScimUser } from '../../scim/schema.ts'
import type { ScimUsers } from '../../scim/scim-users.ts'

/** `PATCH /scim/v2/Users/{id}` */
export function patchScimUser(users: ScimUsers) {
  return defineRoute({
    method: 'PATCH',
    url: '/scim/v2/Users/:id',
    operationId: 'patchScimUser',
    tags: ['SCIM'],
    summary: 'Change a user',
    description: '`active: false` suspends: it ends what the person has been given in the organisation, at once.',
    permission: PROVISION,
    dialect: scim,
    updates: 'if-match-when-sent',
    errors: [
      'member_not_found',
      'scim_value_invalid',
      'scim_path_invalid',
      'scim_filter_invalid',
      'scim_immutable',
      'scim_not_unique',
      'last_owner',
    ],
    schema: { params: IdParams, body: ScimPatch, response: { 200: ScimUser } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const user = await users.patch(ctx, params.id, body, ifMatch)
      reply.header('etag', entityTagOf(user))
      return user as never
    },
  })
}
