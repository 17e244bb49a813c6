/* What members and teams look like in SCIM (RFC 7643), and what was meant by whoever wrote one. */
import { hash } from 'node:crypto'
import { StoaError } from '@stoa/kernel'
import type { TeamRow } from '../members/team-store.ts'
import { type Attributes, fieldOf, type Resource } from './patch.ts'
import { scimErrors } from './scim-errors.ts'
import type { ScimMemberRow } from './scim-store.ts'

/** Of a user. */
export const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
/** Of a group. */
export const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
/** Below the public address. */
export const SCIM_BASE = '/scim/v2'
/** As many are in a group at the most. */
export const MAX_MEMBERS = 10_000
const READ_ONLY = ['id', 'meta'] as const

/** What can be said of a user. */
export const USER_ATTRIBUTES: Attributes = {
  kept: ['userName', 'externalId', 'displayName', 'name', 'emails', 'active', 'roles'],
  readOnly: [...READ_ONLY, 'groups'],
  standard: [
    ...[
      'schemas',
      'nickName',
      'profileUrl',
      'title',
      'userType',
      'preferredLanguage',
      'locale',
      'timezone',
      'password',
    ],
    ...['phoneNumbers', 'ims', 'photos', 'addresses', 'entitlements', 'x509Certificates'],
  ],
}
/** What can be said of a group. */
export const GROUP_ATTRIBUTES: Attributes = {
  kept: ['displayName', 'externalId', 'members'],
  readOnly: READ_ONLY,
  standard: ['schemas'],
}

/** A member as a user. */
export function userOf(row: ScimMemberRow, publicUrl: string): Resource {
  const { email, externalId, id, name, roleNames, status, teams, userName } = row
  const user = {
    schemas: [USER],
    id,
    ...(externalId !== null && { externalId }),
    userName: userName ?? email,
    name: nameOf(row),
    displayName: name,
    emails: [{ value: email, type: 'work', primary: true }],
    active: status === 'active',
    roles: roleNames.map((value) => ({ value })),
    groups: teams.map((team) => ({ ...team, $ref: `${publicUrl}${SCIM_BASE}/Groups/${team.value}` })),
  }
  return withMeta(user, 'User', `${publicUrl}${SCIM_BASE}/Users/${id}`, row)
}

/** A name is made of its parts, where they are known. */
function nameOf({ familyName, givenName, name }: ScimMemberRow) {
  const formatted = givenName === null || familyName === null ? name : `${givenName} ${familyName}`
  return { formatted, ...(givenName !== null && { givenName }), ...(familyName !== null && { familyName }) }
}

/** Somebody in a group. */
export interface GroupMember {
  readonly id: string
  readonly name: string
}

/** A team as a group. @param members null: they are not shown, and neither is the version, which is theirs, too */
export function groupOf(row: TeamRow, members: readonly GroupMember[] | null, publicUrl: string): Resource {
  const { externalId, id, name } = row
  const group = {
    schemas: [GROUP],
    id,
    ...(externalId !== null && { externalId }),
    displayName: name,
    ...(members && { members: members.map((one) => memberOf(one, publicUrl)) }),
  }
  return withMeta(group, 'Group', `${publicUrl}${SCIM_BASE}/Groups/${id}`, row, members !== null)
}

function memberOf({ id, name }: GroupMember, publicUrl: string) {
  return { value: id, display: name, type: 'User', $ref: `${publicUrl}${SCIM_BASE}/Users/${id}` }
}

function withMeta(
  resource: Resource,
  resourceType: string,
  location: string,
  { createdAt, updatedAt }: { readonly createdAt: Date; readonly updatedAt: Date },
  versioned = true,
): Resource {
  const times = { created: createdAt.toISOString(), lastModified: updatedAt.toISOString() }
  const version = versioned && { version: `"${contentVersion(resource)}"` }
  return { ...resource, meta: { resourceType, ...times, location, ...version } }
}

/**
 * The version of a resource is made of all that is shown: what a team is called changes a user, and what somebody is
 * called a group. It is a number, as other versions are.
 */
function contentVersion(resource: Resource): number {
  return Number.parseInt(hash('sha256', JSON.stringify(resource), 'hex').slice(0, 12), 16)
}

/** The version of a resource, for a precondition. */
export function versionOf(resource: Resource): number {
  return Number(entityTagOf(resource).slice(1, -1))
}

/** The entity tag of a resource. */
export function entityTagOf({ meta }: Resource): string {
  return String((meta as { readonly version: string }).version)
}

/** An answer of many. @param startIndex from 1 */
export function listOf(resources: readonly Resource[], totalResults: number, startIndex: number): Resource {
  return { schemas: [LIST], totalResults, startIndex, itemsPerPage: resources.length, Resources: resources }
}

/** What a user is to be. What is undefined was not said. */
export interface WantedUser {
  readonly userName: string
  /** The first one is the primary one. */
  readonly emails: readonly string[]
  /** In whole: as it is displayed, and as it is written or made of its parts. */
  readonly names: readonly [display: string | undefined, written: string | undefined]
  readonly givenName: string | null
  readonly familyName: string | null
  readonly externalId: string | null
  readonly active: boolean
  /** Undefined, too, when a list of none was said: directories send one without meaning it. */
  readonly roles: readonly string[] | undefined
}

/** Reads a user as somebody wrote it. @throws StoaError `scim_value_invalid` */
export function wantedUser(resource: Resource): WantedUser {
  const of = (name: string) => fieldOf(resource, name.toLowerCase())
  const userName = textOf(of('userName'), 'userName', 254)
  if (userName === undefined) throw invalid('`userName` is missing.')
  const name = of('name') ?? {}
  if (typeof name !== 'object' || Array.isArray(name)) throw invalid('`name` has parts.')
  const part = (key: string) => textOf(fieldOf(name, key.toLowerCase()), `name.${key}`, 200)
  const [givenName, familyName] = [part('givenName'), part('familyName')]
  const parts = [givenName, familyName].filter((one) => one !== undefined)
  const made = parts.join(' ').slice(0, 200)
  const written = parts.length === 2 ? made : (part('formatted') ?? (made || undefined))
  const roles = listFrom(of('roles'), 'roles').map((role) => textOf(fieldOf(role, 'value'), 'roles', 50) ?? '')
  return {
    userName,
    emails: emailsOf(of('emails')),
    names: [textOf(of('displayName'), 'displayName', 200), written],
    givenName: givenName ?? null,
    familyName: familyName ?? null,
    externalId: textOf(of('externalId'), 'externalId', 200) ?? null,
    active: booleanOf(of('active'), true),
    roles: roles.length === 0 ? undefined : [...new Set(roles)],
  }
}

function emailsOf(value: unknown): string[] {
  const emails = listFrom(value, 'emails')
  const isPrimary = (email: Resource) => booleanOf(fieldOf(email, 'primary'), false)
  const sorted = [...emails.filter(isPrimary), ...emails.filter((email) => !isPrimary(email))]
  return sorted.flatMap((email) => textOf(fieldOf(email, 'value'), 'emails', 254)?.toLowerCase() ?? [])
}

/** What a group is to be. */
export interface WantedGroup {
  readonly displayName: string
  readonly externalId: string | null
  /** Of people. */
  readonly members: ReadonlySet<string>
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Reads a group as somebody wrote it. @throws StoaError `scim_value_invalid` */
export function wantedGroup(resource: Resource): WantedGroup {
  const of = (name: string) => fieldOf(resource, name.toLowerCase())
  const displayName = textOf(of('displayName'), 'displayName', 100)
  if (displayName === undefined) throw invalid('`displayName` is missing.')
  const ids = listFrom(of('members'), 'members').map((one) => String(fieldOf(one, 'value')).toLowerCase())
  const members = new Set(ids)
  if (members.size > MAX_MEMBERS) throw invalid(`A group has up to ${MAX_MEMBERS} members.`)
  for (const id of members) if (!UUID.test(id)) throw invalid('The `value` of a member is the id of a user.')
  return { displayName, externalId: textOf(of('externalId'), 'externalId', 200) ?? null, members }
}

function textOf(value: unknown, what: string, max: number): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string' && value.length <= max && value.trim() !== '') return value.trim()
  throw invalid(`\`${what}\` is a text of up to ${max} characters.`)
}

/** Some directories write booleans as text. */
function booleanOf(value: unknown, unsaid: boolean): boolean {
  if (value === undefined || value === null) return unsaid
  if (typeof value === 'boolean') return value
  const text = typeof value === 'string' ? value.toLowerCase() : ''
  if (text === 'true' || text === 'false') return text === 'true'
  throw invalid('`active` and `primary` are true or false.')
}

function listFrom(value: unknown, what: string): Resource[] {
  if (value === undefined || value === null) return []
  const list = Array.isArray(value) ? value : [value]
  if (list.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))) return list as Resource[]
  throw invalid(`\`${what}\` is a list of objects with a \`value\`.`)
}

function invalid(message: string): StoaError {
  return new StoaError(scimErrors.scim_value_invalid, { message })
}
