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
    description:
      'The members of the organisation, in the order in which they joined; suspended ones have `active: false`. Up to 200 at a time (`count`, 100 unless it says otherwise), from `startIndex` on. A filter that would have to look at more than 10,000 is refused (400, `tooMany`).',
    permission: PROVISION,
    dialect: scim,
    errors: ['scim_filter_invalid', 'scim_too_many'],
    schema: { querystring: ScimListQuery, response: { 200: ScimAnswer } },
    handler: async (ctx, { query }) => shownAs(await users.list(ctx, scimQuery(query)), query) as never,
  })
}
