import { defineRoute } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { resourceTypes } from '../../scim/discovery.ts'
import { ScimAnswer } from '../../scim/schema.ts'

/** `GET /scim/v2/ResourceTypes` */
export function listScimResourceTypes(publicUrl: () => string) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/ResourceTypes',
    operationId: 'listScimResourceTypes',
    tags: ['SCIM'],
    summary: 'List the kinds of resources',
    description: 'There are two: `User` is a member, `Group` is a team.',
    permission: PROVISION,
    dialect: scim,
    schema: { response: { 200: ScimAnswer } },
    handler: () => resourceTypes(publicUrl()) as never,
  })
}
