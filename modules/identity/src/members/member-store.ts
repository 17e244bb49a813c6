import { queryBuilder, statement } from '@stoa/db'
import { sql } from 'kysely'

/** A person as a tenant knows them. */
export interface MemberRow {
  /** Of the person. */
  readonly id: string
  readonly email: string
  /** As the tenant calls them, else as they call themselves. */
  readonly name: string
  readonly roleNames: readonly string[]
  readonly status: 'active' | 'suspended'
  readonly version: number
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
  /** What another system calls them (SCIM). */
  readonly externalId: string | null
  readonly userName: string | null
  readonly displayName: string | null
  readonly givenName: string | null
  readonly familyName: string | null
}

/** Of a {@link MemberRow}, with `m` for the membership and `p` for the person. */
export const memberColumns = `p.id, p.email, coalesce(m.display_name, p.name) as name, m.role_names, m.status, m.version, m.created_by,
  m.created_at, m.updated_at, m.external_id, m.user_name, m.display_name, m.given_name, m.family_name`
const tables = 'stoa.memberships m join stoa.people p on p.id = m.person_id'

export const memberById = statement<[tenantId: string, id: string], MemberRow>(
  `select ${memberColumns} from ${tables} where m.tenant_id = $1 and m.person_id = $2`,
)

/** The member, the membership locked for a change. */
export const memberForUpdate = statement<[tenantId: string, id: string], MemberRow>(
  `select ${memberColumns} from ${tables} where m.tenant_id = $1 and m.person_id = $2 for update of m`,
)

/** Which members to list. */
export interface MemberFilter {
  readonly status?: 'active' | 'suspended' | undefined
  readonly role?: string | undefined
  /** Text that the address or the name contains, in any case. */
  readonly search?: string | undefined
  readonly descending: boolean
  /** Time and id of the last one of the page before. */
  readonly after: { readonly at: string; readonly id: string } | null
  readonly limit: number
}

interface Tables {
  'stoa.memberships': {
    tenantId: string
    personId: string
    roleNames: string[]
    status: 'active' | 'suspended'
    version: number
    createdBy: string
    createdAt: Date
    updatedAt: Date
    externalId: string | null
    userName: string | null
    displayName: string | null
    givenName: string | null
    familyName: string | null
  }
  'stoa.people': { id: string; email: string; name: string }
}
const builder = queryBuilder<Tables>()

/** A page of members in the order in which they joined. */
export function memberPage(tenantId: string, { after, descending, limit, role, search, status }: MemberFilter) {
  const direction = descending ? 'desc' : 'asc'
  let query = builder
    .selectFrom('stoa.memberships as m')
    .innerJoin('stoa.people as p', 'p.id', 'm.personId')
    .select(['p.id', 'p.email', 'm.roleNames', 'm.status', 'm.version', 'm.createdBy', 'm.createdAt', 'm.updatedAt'])
    .select(['m.externalId', 'm.userName', 'm.displayName', 'm.givenName', 'm.familyName'])
    .select([sql<string>`coalesce(m.display_name, p.name)`.as('name')])
    .where('m.tenantId', '=', tenantId)
  if (status !== undefined) query = query.where('m.status', '=', status)
  if (role !== undefined) query = query.where(sql<boolean>`${role} = any (m.role_names)`)
  if (search !== undefined) {
    const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`
    query = query.where(sql<boolean>`(p.email ilike ${pattern} or coalesce(m.display_name, p.name) ilike ${pattern})`)
  }
  if (after !== null) {
    const { at, id } = after
    query = query.where(
      descending
        ? sql<boolean>`(m.created_at, m.person_id) < (${at}::timestamptz, ${id}::uuid)`
        : sql<boolean>`(m.created_at, m.person_id) > (${at}::timestamptz, ${id}::uuid)`,
    )
  }
  return query.orderBy('m.createdAt', direction).orderBy('m.personId', direction).limit(limit)
}

/** The owners who can act, their memberships locked: of two who give it up at once, one is the last. */
export const ownersForUpdate = statement<[tenantId: string], { id: string }>(`
select m.person_id as id from stoa.memberships m join stoa.people p on p.id = m.person_id
where m.tenant_id = $1 and 'owner' = any (m.role_names) and m.status = 'active' and p.suspended_at is null
order by m.person_id for update of m`)

/** Where a person is the only owner who can act. Run it as the system role. */
export const soleOwnerships = statement<[personId: string], { slug: string }>(`
select t.slug from stoa.memberships m join stoa.tenants t on t.id = m.tenant_id
where m.person_id = $1 and 'owner' = any (m.role_names) and m.status = 'active' and not exists (
  select from stoa.memberships o join stoa.people p on p.id = o.person_id
  where o.tenant_id = m.tenant_id and o.person_id <> m.person_id and 'owner' = any (o.role_names)
    and o.status = 'active' and p.suspended_at is null)
order by t.slug`)

/** Writes what may change of a membership, and when it was suspended the last time. */
export const memberSaved = statement<
  [
    tenantId: string,
    id: string,
    roleNames: readonly string[],
    status: string,
    externalId: string | null,
    userName: string | null,
    displayName: string | null,
    givenName: string | null,
    familyName: string | null,
    version: number,
    at: Date,
  ],
  never
>(`
update memberships
set role_names = $3, status = $4, external_id = $5, user_name = $6, display_name = $7, given_name = $8,
  family_name = $9, version = $10, updated_at = $11,
  last_suspended_at = case when $4 = 'suspended' then $11 else last_suspended_at end
where tenant_id = $1 and person_id = $2`)

export const memberDropped = statement<[tenantId: string, id: string], never>(
  'delete from memberships where tenant_id = $1 and person_id = $2',
)

/** Grants of somebody alone. */
export const grantsDropped = statement<[tenantId: string, type: string, id: string], never>(
  'delete from grants where tenant_id = $1 and subject_type = $2 and subject_id = $3',
)

/** Makes a person a member; those who are stay as they are. */
export const memberInserted = statement<
  [
    tenantId: string,
    personId: string,
    roleNames: readonly string[],
    status: MemberRow['status'],
    by: string,
    at: Date,
    externalId: string | null,
    userName: string | null,
    displayName: string | null,
    givenName: string | null,
    familyName: string | null,
  ],
  never
>(`
insert into stoa.memberships (tenant_id, person_id, role_names, status, version, created_by, created_at, updated_at,
  external_id, user_name, display_name, given_name, family_name)
values ($1, $2, $3, $4, 1, $5, $6, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, person_id) do nothing`)

/** The person who has this address: the one there is, or a new one whose address is not proven. */
export const personInserted = statement<[id: string, email: string, name: string, at: Date], { id: string }>(`
with added as (
  insert into stoa.people (id, email, name, locale, version, created_at, updated_at)
  values ($1, $2, $3, 'en', 1, $4, $4) on conflict (email) do nothing returning id
)
select id from added union all select id from stoa.people where email = $2 limit 1`)

/** How many of these people are members. */
export const membersAmong = statement<[tenantId: string, ids: readonly string[]], { count: number }>(
  'select count(*) as count from memberships where tenant_id = $1 and person_id = any ($2::uuid[])',
)

/** The member who has this address, if there is one. */
export const memberByEmail = statement<[tenantId: string, email: string], { id: string }>(`
select p.id from stoa.memberships m join stoa.people p on p.id = m.person_id where m.tenant_id = $1 and p.email = $2`)
