import { defineRoute, IdParams } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimGroup, ScimShownQuery, shownAs } from '../../scim/schema.ts'
import type { ScimGroups } from '../../scim/scim-groups.ts'

/** `GET /scim/v2/Groups/{id}` */
export function getScimGroup(groups: ScimGroups) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/Groups/:id',
    operationId: 'getScimGroup',
    tags: ['SCIM'],
    summary: 'Get a group',
    description:
      'By the id of the team, with everybody who is in it, however many; `excludedAttributes=members` leaves them out. Roles of the team are not shown here.',
    permission: PROVISION,
    dialect: scim,
    errors: ['team_not_found'],
    schema: { params: IdParams, querystring: ScimShownQuery, response: { 200: ScimGroup } },
    async handler(ctx, { params, query }, reply) {
      const group = await groups.get(ctx, params.id)
      reply.header('etag', entityTagOf(group))
      return shownAs(group, query) as never
    },
  })
}
