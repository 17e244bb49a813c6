import { defineRoute } from '@stoa/http'
import { scim } from '../../scim/dialect.ts'
import { PROVISION } from '../../scim/directory.ts'
import { serviceProviderConfig } from '../../scim/discovery.ts'
import { ScimAnswer } from '../../scim/schema.ts'

/** `GET /scim/v2/ServiceProviderConfig` */
export function getScimConfig(publicUrl: () => string) {
  return defineRoute({
    method: 'GET',
    url: '/scim/v2/ServiceProviderConfig',
    operationId: 'getScimConfig',
    tags: ['SCIM'],
    summary: 'Get what the service can do',
    description:
      'Of RFC 7643, 5: there are PATCH, filters and entity tags; there are no bulk requests, no sorting and no passwords.',
    permission: PROVISION,
    dialect: scim,
    schema: { response: { 200: ScimAnswer } },
    handler: () => serviceProviderConfig(publicUrl()) as never,
  })
}
