import { defineRoute, IdParams } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimGroup, WantedGroupBody } from '../../scim/schema.ts'
import type { ScimGroups } from '../../scim/scim-groups.ts'

/** `PUT /scim/v2/Groups/{id}` */
export function replaceScimGroup(groups: ScimGroups) {
  return defineRoute({
    method: 'PUT',
    url: '/scim/v2/Groups/:id',
    operationId: 'replaceScimGroup',
    tags: ['SCIM'],
    summary: 'Replace a group',
    description:
      'Its name, its `externalId` and who is in it are as said then, all in one transaction: who is not in `members` is taken out, and without an `externalId` it has none. Its roles and grants stay. What the team gives the key must hold, too (403).',
    permission: PROVISION,
    dialect: scim,
    updates: 'if-match-when-sent',
    errors: ['team_not_found', 'member_not_found', 'scim_value_invalid', 'team_exists'],
    schema: { params: IdParams, body: WantedGroupBody, response: { 200: ScimGroup } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const group = await groups.replace(ctx, params.id, { ...body }, ifMatch)
      reply.header('etag', entityTagOf(group))
      return group as never
    },
  })
}
