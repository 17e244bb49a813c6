import { defineRoute, IdParams } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimGroup, ScimPatch } from '../../scim/schema.ts'
import type { ScimGroups } from '../../scim/scim-groups.ts'

/** `PATCH /scim/v2/Groups/{id}` */
export function patchScimGroup(groups: ScimGroups) {
  return defineRoute({
    method: 'PATCH',
    url: '/scim/v2/Groups/:id',
    operationId: 'patchScimGroup',
    tags: ['SCIM'],
    summary: 'Change a group',
    description:
      'Operations of RFC 7644, 3.5.2: all of them are done, or none. Attributes that the standard has and a team has not are passed over; others are refused (400, `invalidPath`). What the team gives the key must hold, too (403).',
    permission: PROVISION,
    dialect: scim,
    updates: 'if-match-when-sent',
    errors: [
      'team_not_found',
      'member_not_found',
      'scim_value_invalid',
      'scim_path_invalid',
      'scim_filter_invalid',
      'team_exists',
    ],
    schema: { params: IdParams, body: ScimPatch, response: { 200: ScimGroup } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const group = await groups.patch(ctx, params.id, body, ifMatch)
      reply.header('etag', entityTagOf(group))
      return group as never
    },
  })
}
