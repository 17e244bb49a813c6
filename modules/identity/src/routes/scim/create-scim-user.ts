import { defineRoute } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { entityTagOf } from '../../scim/resources.ts'
import { ScimUser, WantedUserBody } from '../../scim/schema.ts'
import type { ScimUsers } from '../../scim/scim-users.ts'

/** `POST /scim/v2/Users` */
export function createScimUser(users: ScimUsers) {
  return defineRoute({
    method: 'POST',
    url: '/scim/v2/Users',
    operationId: 'createScimUser',
    tags: ['SCIM'],
    summary: 'Make a user',
    description:
      'A member, added without asking them. Roles are those of `roles`, else `member`; nobody gives what they do not hold.',
    permission: PROVISION,
    dialect: scim,
    // People are not the tenant's: what is written of them is no part of a transaction of the tenant.
    waits: true,
    errors: ['scim_value_invalid', 'already_member', 'scim_not_unique'],
    schema: { body: WantedUserBody, response: { 201: ScimUser } },
    async handler(ctx, { body }, reply) {
      const user = await users.create(ctx, { ...body })
      reply.header('location', `/scim/v2/Users/${String(user.id)}`)
      reply.header('etag', entityTagOf(user))
      return user as never
    },
  })
}
