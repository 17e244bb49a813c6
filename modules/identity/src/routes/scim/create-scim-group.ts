import { defineRoute } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimGroup, WantedGroupBody } from '../../scim/schema.ts'
import type { ScimGroups } from '../../scim/scim-groups.ts'

/** `POST /scim/v2/Groups` */
export function createScimGroup(groups: ScimGroups) {
  return defineRoute({
    method: 'POST',
    url: '/scim/v2/Groups',
    operationId: 'createScimGroup',
    tags: ['SCIM'],
    summary: 'Make a group',
    description: 'A team, without roles: these are given to it by `/api/v1/teams`.',
    permission: PROVISION,
    dialect: scim,
    errors: ['scim_value_invalid', 'team_exists', 'member_not_found'],
    schema: { body: WantedGroupBody, response: { 201: ScimGroup } },
    async handler(ctx, { body }, reply) {
      const group = await groups.create(ctx, { ...body })
      reply.header('location', `/scim/v2/Groups/${String(group.id)}`)
      reply.header('etag', entityTagOf(group))
      return group as never
    },
  })
}
