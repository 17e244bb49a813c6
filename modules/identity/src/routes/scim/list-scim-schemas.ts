import { defineRoute } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { scimSchemas } from '../../scim/discovery.ts'
import { ScimAnswer } from '../../scim/schema.ts'

/** `GET /scim/v2/Schemas` */
export function listScimSchemas(publicUrl: () => string) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/Schemas',
    operationId: 'listScimSchemas',
    tags: ['SCIM'],
    summary: 'List the schemas',
    description: 'Those of users and groups: the attributes that are kept, and which of them a directory can write.',
    permission: PROVISION,
    dialect: scim,
    schema: { response: { 200: ScimAnswer } },
    handler: () => scimSchemas(publicUrl()) as never,
  })
}
