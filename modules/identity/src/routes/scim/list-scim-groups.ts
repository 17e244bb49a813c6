import { defineRoute } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { ScimAnswer, ScimListQuery, scimQuery, shownAs } from '../../scim/schema.ts'
import type { ScimGroups } from '../../scim/scim-groups.ts'

/** `GET /scim/v2/Groups` */
export function listScimGroups(groups: ScimGroups) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/Groups',
    operationId: 'listScimGroups',
    tags: ['SCIM'],
    summary: 'List groups',
    description:
      'The teams of the organisation. A page ends where its groups have 10,000 members together, so it can be shorter than `count`; with `excludedAttributes=members` it is not. Filters ask for members by `eq` alone.',
    permission: PROVISION,
    dialect: scim,
    errors: ['scim_filter_invalid', 'scim_too_many'],
    schema: { querystring: ScimListQuery, response: { 200: ScimAnswer } },
    handler: async (ctx, { query }) => shownAs(await groups.list(ctx, scimQuery(query)), query) as never,
  })
}
