import { defineRoute, IdParams } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimUser, WantedUserBody } from '../../scim/schema.ts'
import type { ScimUsers } from '../../scim/scim-users.ts'

/** `PUT /scim/v2/Users/{id}` */
export function replaceScimUser(users: ScimUsers) {
  return defineRoute({
    method: 'PUT',
    url: '/scim/v2/Users/:id',
    operationId: 'replaceScimUser',
    tags: ['SCIM'],
    summary: 'Replace a user',
    description: 'Roles stay when none are said. The address stays: it is changed by whoever has it.',
    permission: PROVISION,
    dialect: scim,
    updates: 'if-match-when-sent',
    errors: ['member_not_found', 'scim_value_invalid', 'scim_immutable', 'scim_not_unique', 'last_owner'],
    schema: { params: IdParams, body: WantedUserBody, response: { 200: ScimUser } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const user = await users.replace(ctx, params.id, { ...body }, ifMatch)
      reply.header('etag', entityTagOf(user))
      return user as never
    },
  })
}
