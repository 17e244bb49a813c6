import { defineRoute, IdParams } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimShownQuery, ScimUser, shownAs } from '../../scim/schema.ts'
import type { ScimUsers } from '../../scim/scim-users.ts'

/** `GET /scim/v2/Users/{id}` */
export function getScimUser(users: ScimUsers) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/Users/:id',
    operationId: 'getScimUser',
    tags: ['SCIM'],
    summary: 'Get a user',
    description:
      'By the id of the person. Its `ETag` is made of all that is shown of a user, so another name of a group that they are in changes it, too.',
    permission: PROVISION,
    dialect: scim,
    errors: ['member_not_found'],
    schema: { params: IdParams, querystring: ScimShownQuery, response: { 200: ScimUser } },
    async handler(ctx, { params, query }, reply) {
      const user = await users.get(ctx, params.id)
      reply.header('etag', entityTagOf(user))
      return shownAs(user, query) as never
    },
  })
}
