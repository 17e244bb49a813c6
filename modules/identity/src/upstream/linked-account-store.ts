import { statement, type Tx } from '@stoa/db'

/** Somebody, as a provider of a tenant names them. */
export interface AccountKey {
  readonly tenantId: string
  readonly providerId: string
  readonly issuer: string
  readonly subject: string
}

/** A row of `linked_accounts`, with what its provider is called. */
export interface LinkedAccountRow extends AccountKey {
  readonly personId: string
  /** What the person knows it by: an address, a name. */
  readonly label: string
  readonly providerName: string
  readonly usedAt: Date | null
  readonly createdAt: Date
}

/** Whose account it is; undefined when it is linked to nobody. Notes the use. */
export async function ownerOfAccount(tx: Tx, key: AccountKey, at: Date): Promise<string | undefined> {
  const { issuer, providerId, subject, tenantId } = key
  return (await tx.maybe(accountUse(tenantId, providerId, issuer, subject, at)))?.personId
}
const accountUse = statement<[string, string, string, string, Date], { personId: string }>(`
update stoa.linked_accounts set used_at = $5
where tenant_id = $1 and provider_id = $2 and issuer = $3 and subject = $4
returning person_id`)

/** Links an account; false when it is somebody's, or the person has another one with this provider. */
export async function addLinkedAccount(
  tx: Tx,
  key: AccountKey,
  { at, label, personId }: { readonly personId: string; readonly label: string; readonly at: Date },
): Promise<boolean> {
  const { issuer, providerId, subject, tenantId } = key
  return (await tx.run(accountAddition(tenantId, providerId, issuer, subject, personId, label, at))) === 1
}
const accountAddition = statement<[string, string, string, string, string, string, Date], never>(`
insert into stoa.linked_accounts (tenant_id, provider_id, issuer, subject, person_id, label, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing`)

/** The accounts that a person has linked with the providers of a tenant, oldest first. */
export function linkedAccountsOf(tx: Tx, tenantId: string, personId: string): Promise<LinkedAccountRow[]> {
  return tx.many(accountsOfPerson(tenantId, personId))
}
const accountsOfPerson = statement<[string, string], LinkedAccountRow>(`
select tenant_id, provider_id, linked_accounts.issuer, subject, person_id, label, name as provider_name, used_at, linked_accounts.created_at
from stoa.linked_accounts join stoa.identity_providers using (tenant_id)
where tenant_id = $1 and person_id = $2 and identity_providers.id = provider_id
order by linked_accounts.created_at, provider_id`)

/** Takes a link away; false when there is none. */
export async function removeLinkedAccount(
  tx: Tx,
  {
    personId,
    providerId,
    tenantId,
  }: { readonly tenantId: string; readonly providerId: string; readonly personId: string },
): Promise<boolean> {
  return (await tx.run(accountRemoval(tenantId, providerId, personId))) === 1
}
const accountRemoval = statement<[string, string, string], never>(
  'delete from stoa.linked_accounts where tenant_id = $1 and provider_id = $2 and person_id = $3',
)

/**
 * How many people sign in to the tenant by a provider and by nothing else: they have neither password nor passkey, nor an
 * account with another provider of the tenant that is open. Keeps them from giving up another way until the transaction ends.
 */
export async function peopleWithoutOtherWay(tx: Tx, tenantId: string, providerId: string): Promise<number> {
  tx.later(linkedPeopleLocked(tenantId, providerId))
  return (await tx.one(peopleLeft(tenantId, providerId))).count
}
const linkedPeopleLocked = statement<[string, string], never>(`
select id from stoa.people
where id in (select person_id from stoa.linked_accounts where tenant_id = $1 and provider_id = $2)
order by id for no key update`)
const peopleLeft = statement<[string, string], { count: number }>(`
select count(*) as count from stoa.linked_accounts linked
where tenant_id = $1 and provider_id = $2
  and not exists (select from stoa.passwords where passwords.person_id = linked.person_id)
  and not exists (select from stoa.passkeys where passkeys.person_id = linked.person_id)
  and not exists (select from stoa.linked_accounts other
    join stoa.identity_providers provider on provider.tenant_id = other.tenant_id and provider.id = other.provider_id
    where other.person_id = linked.person_id and other.tenant_id = linked.tenant_id
      and other.provider_id <> linked.provider_id and provider.enabled)`)
