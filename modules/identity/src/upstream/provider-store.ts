import { statement, type Tx } from '@stoa/db'

/** What kind of provider it is: how it is spoken to. */
export type ProviderKind = 'openid' | 'google' | 'microsoft' | 'github'

/** A row of `identity_providers`. */
export interface ProviderRow {
  readonly id: string
  readonly kind: ProviderKind
  /** What people read on the button. */
  readonly name: string
  /** Who says who people are: `https://accounts.google.com`. */
  readonly issuer: string
  readonly clientId: string
  readonly secretSealed: Buffer
  /** Whether people may sign in by it. */
  readonly enabled: boolean
  readonly version: number
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

const COLUMNS = 'id, kind, name, issuer, client_id, secret_sealed, enabled, version, created_by, created_at, updated_at'

type Written = [
  tenantId: string,
  id: string,
  kind: string,
  name: string,
  issuer: string,
  clientId: string,
  secretSealed: Buffer,
  enabled: boolean,
  version: number,
  updatedAt: Date,
]

function written(tenantId: string, row: ProviderRow): Written {
  const { clientId, enabled, id, issuer, kind, name, secretSealed, updatedAt, version } = row
  return [tenantId, id, kind, name, issuer, clientId, secretSealed, enabled, version, updatedAt]
}

/** Keeps others of the tenant from adding providers until the transaction ends. Gives how many it has. */
export async function countProviders(tx: Tx, tenantId: string): Promise<number> {
  tx.later(additionLock(tenantId))
  return (await tx.one(providersCounted(tenantId))).count
}
const additionLock = statement<[string], never>(
  "select pg_advisory_xact_lock(hashtextextended('identity_providers ' || $1::text, 0))",
)
const providersCounted = statement<[string], { count: number }>(
  'select count(*) as count from stoa.identity_providers where tenant_id = $1',
)

/** Adds a provider; it rides with the commit. */
export function addProvider(tx: Tx, tenantId: string, row: ProviderRow): void {
  tx.later(providerAddition(...written(tenantId, row), row.createdBy, row.createdAt))
}
const providerAddition = statement<[...Written, createdBy: string, createdAt: Date], never>(`
insert into stoa.identity_providers (tenant_id, id, kind, name, issuer, client_id, secret_sealed, enabled, version, updated_at, created_by, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`)

/** Writes what may change of a provider. The row is locked by then, so it rides with the commit. */
export function saveProvider(tx: Tx, tenantId: string, row: ProviderRow): void {
  tx.later(providerSaving(...written(tenantId, row)))
}
const providerSaving = statement<Written, never>(`
update stoa.identity_providers
set kind = $3, name = $4, issuer = $5, client_id = $6, secret_sealed = $7, enabled = $8, version = $9, updated_at = $10
where tenant_id = $1 and id = $2`)

/** A provider, or undefined. */
export function providerById(tx: Tx, tenantId: string, id: string): Promise<ProviderRow | undefined> {
  return tx.maybe(providerOfId(tenantId, id))
}
const providerOfId = statement<[string, string], ProviderRow>(
  `select ${COLUMNS} from stoa.identity_providers where tenant_id = $1 and id = $2`,
)

/** A provider, kept from being changed by others until the transaction ends; or undefined. */
export function lockedProvider(tx: Tx, tenantId: string, id: string): Promise<ProviderRow | undefined> {
  return tx.maybe(providerOfIdLocked(tenantId, id))
}
const providerOfIdLocked = statement<[string, string], ProviderRow>(
  `select ${COLUMNS} from stoa.identity_providers where tenant_id = $1 and id = $2 for update`,
)

/** The providers of a tenant, oldest first. */
export function providersOf(tx: Tx, tenantId: string): Promise<ProviderRow[]> {
  return tx.many(providersOfTenant(tenantId))
}
const providersOfTenant = statement<[string], ProviderRow>(
  `select ${COLUMNS} from stoa.identity_providers where tenant_id = $1 order by id`,
)

/** Removes a provider, with the links to it; false when there is none. */
export async function removeProvider(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  return (await tx.run(providerRemoval(tenantId, id))) === 1
}
const providerRemoval = statement<[string, string], never>(
  'delete from stoa.identity_providers where tenant_id = $1 and id = $2',
)
