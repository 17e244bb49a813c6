/* What this service can do, for whoever sets a directory up (RFC 7643, 5–7; RFC 7644, 4). */
import { errors, StoaError } from '@stoa/kernel'
import type { Resource } from './patch.ts'
import { GROUP, listOf, SCIM_BASE, USER } from './resources.ts'

const CONFIG = 'urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'
const TYPE = 'urn:ietf:params:scim:schemas:core:2.0:ResourceType'
const SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Schema'

/** `ServiceProviderConfig` */
export function serviceProviderConfig(publicUrl: string): Resource {
  return {
    schemas: [CONFIG],
    documentationUri: `${publicUrl}/docs`,
    patch: { supported: true },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: 200 },
    changePassword: { supported: false },
    sort: { supported: false },
    etag: { supported: true },
    authenticationSchemes: [
      { type: 'oauthbearertoken', name: 'API key', description: 'An API key as a bearer token.', primary: true },
    ],
    meta: { resourceType: 'ServiceProviderConfig', location: `${publicUrl}${SCIM_BASE}/ServiceProviderConfig` },
  }
}

function typesOf(publicUrl: string): Resource[] {
  const type = (name: string, endpoint: string, schema: string) => ({
    schemas: [TYPE],
    ...{ id: name, name, endpoint, schema },
    meta: { resourceType: 'ResourceType', location: `${publicUrl}${SCIM_BASE}/ResourceTypes/${name}` },
  })
  return [type('User', '/Users', USER), type('Group', '/Groups', GROUP)]
}

/** `ResourceTypes` */
export function resourceTypes(publicUrl: string): Resource {
  return whole(typesOf(publicUrl))
}

/** `ResourceTypes/{id}` @throws StoaError `not_found` */
export function resourceType(publicUrl: string, id: string): Resource {
  return one(typesOf(publicUrl), id)
}

interface Attribute {
  readonly name: string
  readonly type?: string
  readonly required?: boolean
  readonly caseExact?: boolean
  readonly uniqueness?: string
  readonly multiValued?: boolean
  readonly mutability?: string
  readonly subAttributes?: readonly object[]
}

function attribute({ name, ...more }: Attribute) {
  const standard = { type: 'string', multiValued: false, required: false, caseExact: false }
  return { name, ...standard, mutability: 'readWrite', returned: 'default', uniqueness: 'none', ...more }
}

const value = attribute({ name: 'value' })
const display = attribute({ name: 'display', mutability: 'readOnly' })
const externalId = attribute({ name: 'externalId', caseExact: true })
const complex = { type: 'complex', multiValued: true }
const USER_SHAPE = [
  attribute({ name: 'userName', required: true, uniqueness: 'server' }),
  externalId,
  attribute({ name: 'displayName' }),
  attribute({
    ...{ name: 'name', type: 'complex' },
    subAttributes: ['formatted', 'givenName', 'familyName'].map((name) => attribute({ name })),
  }),
  attribute({
    ...{ name: 'emails', ...complex, mutability: 'immutable' },
    subAttributes: [value, attribute({ name: 'type' }), attribute({ name: 'primary', type: 'boolean' })],
  }),
  attribute({ name: 'active', type: 'boolean' }),
  attribute({ name: 'roles', ...complex, subAttributes: [value] }),
  attribute({ name: 'groups', ...complex, mutability: 'readOnly', subAttributes: [value, display] }),
]
const GROUP_SHAPE = [
  attribute({ name: 'displayName', required: true, uniqueness: 'server' }),
  externalId,
  attribute({ name: 'members', ...complex, subAttributes: [value, display] }),
]

function schemasOf(publicUrl: string): Resource[] {
  const schema = (id: string, name: string, attributes: readonly object[]) => ({
    schemas: [SCHEMA],
    ...{ id, name, attributes },
    meta: { resourceType: 'Schema', location: `${publicUrl}${SCIM_BASE}/Schemas/${id}` },
  })
  return [schema(USER, 'User', USER_SHAPE), schema(GROUP, 'Group', GROUP_SHAPE)]
}

/** `Schemas` */
export function scimSchemas(publicUrl: string): Resource {
  return whole(schemasOf(publicUrl))
}

/** `Schemas/{id}` @throws StoaError `not_found` */
export function scimSchema(publicUrl: string, id: string): Resource {
  return one(schemasOf(publicUrl), id)
}

function whole(resources: readonly Resource[]): Resource {
  return listOf(resources, resources.length, 1)
}

function one(resources: readonly Resource[], id: string): Resource {
  const found = resources.find((resource) => resource.id === id)
  if (found === undefined) throw new StoaError(errors.not_found)
  return found
}
