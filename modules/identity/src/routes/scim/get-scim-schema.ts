import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { scimSchema } from '../../scim/discovery.ts'
import { USER } from '../../scim/resources.ts'
import { ScimAnswer } from '../../scim/schema.ts'

/** `GET /scim/v2/Schemas/{id}` */
export function getScimSchema(publicUrl: () => string) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/Schemas/:id',
    operationId: 'getScimSchema',
    tags: ['SCIM'],
    summary: 'Get a schema',
    description:
      'By its whole name, such as `urn:ietf:params:scim:schemas:core:2.0:User`; there is one of users and one of groups (404 for others).',
    permission: PROVISION,
    dialect: scim,
    errors: ['not_found'],
    schema: {
      params: Type.Object({ id: Type.String({ maxLength: 200, examples: [USER] }) }),
      response: { 200: ScimAnswer },
    },
    handler: (_ctx, { params }) => scimSchema(publicUrl(), params.id) as never,
  })
}
