import { defineRoute } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { ScimAnswer, ScimListQuery, scimQuery, shownAs } from '../../scim/schema.ts'
import type { ScimUsers } from '../../scim/scim-users.ts'

/** `GET /scim/v2/Users` */
export function listScimUsers(users: ScimUsers) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/Users',
    operationId: 'listScimUsers',
    tags: ['SCIM'],
    summary: 'List users',
    permission: PROVISION,
    dialect: scim,
    errors: ['scim_filter_invalid', 'scim_too_many'],
    schema: { querystring: ScimListQuery, response: { 200: ScimAnswer } },
    handler: async (ctx, { query }) => shownAs(await users.list(ctx, scimQuery(query)), query) as never,
  })
}
