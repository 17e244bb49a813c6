import { statement, type Tx } from '@stoa/db'
import type { Tenant } from '@stoa/kernel'

/** A row of `people`. */
export interface PersonRow {
  readonly id: string
  /** In lower case. */
  readonly email: string
  readonly emailVerifiedAt: Date | null
  readonly name: string
  /** A tag of BCP 47: `en`, `hi`. */
  readonly locale: string
  readonly suspendedAt: Date | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

const columns = 'id, email, email_verified_at, name, locale, suspended_at, version, created_at, updated_at'

/** Adds a person; false when the address is somebody's. */
export async function addPerson(tx: Tx, person: PersonRow): Promise<boolean> {
  const { id, email, emailVerifiedAt, name, locale, createdAt } = person
  return (await tx.run(personAddition(id, email, emailVerifiedAt, name, locale, createdAt))) === 1
}
const personAddition = statement<[string, string, Date | null, string, string, Date], never>(`
insert into stoa.people (id, email, email_verified_at, name, locale, version, created_at, updated_at)
values ($1, $2, $3, $4, $5, 1, $6, $6)
on conflict (email) do nothing`)

/** The person, or undefined. */
export function personById(tx: Tx, id: string): Promise<PersonRow | undefined> {
  return tx.maybe(personOfId(id))
}
const personOfId = statement<[string], PersonRow>(`select ${columns} from stoa.people where id = $1`)

/** The person, kept from being changed by others until the transaction ends; or undefined. */
export function lockedPerson(tx: Tx, id: string): Promise<PersonRow | undefined> {
  return tx.maybe(personOfIdLocked(id))
}
const personOfIdLocked = statement<[string], PersonRow>(
  `select ${columns} from stoa.people where id = $1 for no key update`,
)

/**
 * The person, as they are until the transaction ends: whoever has {@link lockedPerson} comes before or after it. Many can
 * have it at once.
 */
export function heldPerson(tx: Tx, id: string): Promise<PersonRow | undefined> {
  return tx.maybe(personOfIdHeld(id))
}
const personOfIdHeld = statement<[string], PersonRow>(`select ${columns} from stoa.people where id = $1 for share`)

/** The person with this address, or undefined. */
export function personByEmail(tx: Tx, email: string): Promise<PersonRow | undefined> {
  return tx.maybe(personOfEmail(email))
}
const personOfEmail = statement<[string], PersonRow>(`select ${columns} from stoa.people where email = $1`)

/** Writes what may change of a person. The row is locked and known by then, so it rides with the commit. */
export function savePerson(tx: Tx, person: PersonRow): void {
  const { id, email, emailVerifiedAt, name, locale, suspendedAt, version, updatedAt } = person
  tx.later(personSaving(id, email, emailVerifiedAt, name, locale, suspendedAt, version, updatedAt))
}
const personSaving = statement<[string, string, Date | null, string, string, Date | null, number, Date], never>(`
update stoa.people
set email = $2, email_verified_at = $3, name = $4, locale = $5, suspended_at = $6, version = $7, updated_at = $8
where id = $1`)

/** The people of a tenant by address, the first after one. */
export function membersByEmail(tx: Tx, tenantId: string, after: string, limit: number): Promise<MemberRow[]> {
  return tx.many(membersAfter(tenantId, after, limit))
}
/** A person with what they are in a tenant. */
export interface MemberRow extends PersonRow {
  readonly roleNames: readonly string[]
  readonly status: MembershipStatus
}
const membersAfter = statement<[string, string, number], MemberRow>(`
select people.id, email, email_verified_at, name, locale, suspended_at, people.version, people.created_at, people.updated_at, role_names, status
from stoa.memberships join stoa.people on people.id = memberships.person_id
where tenant_id = $1 and email > $2
order by email
limit $3`)

/** Whether somebody who belongs to a tenant may use it. */
type MembershipStatus = 'active' | 'suspended'

/** What a person is in a tenant. */
export interface MembershipRow {
  readonly tenantId: string
  readonly personId: string
  readonly roleNames: readonly string[]
  readonly status: MembershipStatus
}

/** Makes a person a member; false when they are one already, who stays as they are. */
export async function addMembership(
  tx: Tx,
  { personId, roleNames, status, tenantId }: MembershipRow,
  createdBy: string,
  at: Date,
): Promise<boolean> {
  return (await tx.run(membershipAddition(tenantId, personId, roleNames, status, createdBy, at))) === 1
}
const membershipAddition = statement<[string, string, readonly string[], string, string, Date], never>(`
insert into stoa.memberships (tenant_id, person_id, role_names, status, version, created_by, created_at, updated_at)
values ($1, $2, $3, $4, 1, $5, $6, $6)
on conflict (tenant_id, person_id) do nothing`)

/** What a person is in a tenant; undefined when they do not belong to it. */
export function membershipOf(tx: Tx, tenantId: string, personId: string): Promise<MembershipRow | undefined> {
  return tx.maybe(membership(tenantId, personId))
}
const membership = statement<[string, string], MembershipRow>(`
select tenant_id, person_id, role_names, status from stoa.memberships where tenant_id = $1 and person_id = $2`)

/** Has the tokens of a person from before a time hold in no tenant. Gives the tenants that they belong to. */
export function endTokensOfPerson(tx: Tx, personId: string, at: Date): Promise<Tenant[]> {
  return tx.many(tokensEnding(personId, at))
}
const tokensEnding = statement<[string, Date], Tenant>(`
update stoa.memberships m set last_suspended_at = $2 from stoa.tenants t
where m.person_id = $1 and t.id = m.tenant_id
returning t.id, t.slug, t.schema`)

/** Notes that the address of a person is theirs. */
export function proveEmail(tx: Tx, id: string, at: Date): void {
  tx.later(emailProven(id, at))
}
const emailProven = statement<[string, Date], never>(
  'update stoa.people set email_verified_at = $2, version = version + 1, updated_at = $2 where id = $1',
)
