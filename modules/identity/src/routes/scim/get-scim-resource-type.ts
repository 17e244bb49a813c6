import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { resourceType } from '../../scim/discovery.ts'
import { ScimAnswer } from '../../scim/schema.ts'

/** `GET /scim/v2/ResourceTypes/{id}` */
export function getScimResourceType(publicUrl: () => string) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/ResourceTypes/:id',
    operationId: 'getScimResourceType',
    tags: ['SCIM'],
    summary: 'Get a kind of resources',
    description: '`User` or `Group`, written so; there is no other (404).',
    permission: PROVISION,
    dialect: scim,
    errors: ['not_found'],
    schema: {
      params: Type.Object({ id: Type.String({ maxLength: 200, examples: ['User'] }) }),
      response: { 200: ScimAnswer },
    },
    handler: (_ctx, { params }) => resourceType(publicUrl(), params.id) as never,
  })
}
