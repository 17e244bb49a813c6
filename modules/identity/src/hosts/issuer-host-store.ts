import { statement, type Tx } from '@stoa/db'

/** A row of `issuer_hosts`. */
export interface IssuerHostRow {
  readonly id: string
  /** In Punycode and lower case, without a port. */
  readonly host: string
  readonly verifiedAt: Date | null
  /** Where the issuer is. */
  readonly active: boolean
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly createdBy: string
}

const columns = 'id, host, verified_at, active, version, created_at, updated_at, created_by'

/** The hosts of the tenant, oldest first. */
export function issuerHostRows(tx: Tx, tenantId: string): Promise<IssuerHostRow[]> {
  return tx.many(hostsOf(tenantId))
}
const hostsOf = statement<[string], IssuerHostRow>(
  `select ${columns} from stoa.issuer_hosts where tenant_id = $1 order by created_at, id`,
)

/** The same, kept from being changed and added to until the transaction ends. */
export function lockedIssuerHosts(tx: Tx, tenantId: string): Promise<IssuerHostRow[]> {
  tx.later(changeLock(tenantId))
  return issuerHostRows(tx, tenantId)
}
const changeLock = statement<[string], never>(
  "select pg_advisory_xact_lock(hashtextextended('issuer_hosts ' || $1::text, 0))",
)

/** The host, or undefined. */
export function issuerHostRow(tx: Tx, tenantId: string, id: string): Promise<IssuerHostRow | undefined> {
  return tx.maybe(hostById(tenantId, id))
}
const hostById = statement<[string, string], IssuerHostRow>(
  `select ${columns} from stoa.issuer_hosts where tenant_id = $1 and id = $2`,
)

/** Adds a host. @returns false when the tenant has it already */
export async function addIssuerHost(tx: Tx, tenantId: string, row: IssuerHostRow): Promise<boolean> {
  const { createdAt, createdBy, host, id, verifiedAt } = row
  return (await tx.run(hostAddition(tenantId, id, host, verifiedAt, createdAt, createdBy))) === 1
}
const hostAddition = statement<[string, string, string, Date | null, Date, string], never>(`
insert into stoa.issuer_hosts (tenant_id, id, host, verified_at, active, version, created_at, updated_at, created_by)
values ($1, $2, $3, $4, false, 1, $5, $5, $6)
on conflict (tenant_id, host) do nothing`)

/** Writes what may change of a host. */
export async function saveIssuerHost(tx: Tx, tenantId: string, row: IssuerHostRow): Promise<void> {
  const { active, id, updatedAt, verifiedAt, version } = row
  await tx.run(hostSaving(tenantId, id, verifiedAt, active, version, updatedAt))
}
const hostSaving = statement<[string, string, Date | null, boolean, number, Date], never>(`
update stoa.issuer_hosts set verified_at = $3, active = $4, version = $5, updated_at = $6 where tenant_id = $1 and id = $2`)

/** Removes a host. */
export async function removeIssuerHostRow(tx: Tx, tenantId: string, id: string): Promise<void> {
  await tx.run(hostRemoval(tenantId, id))
}
const hostRemoval = statement<[string, string], never>('delete from stoa.issuer_hosts where tenant_id = $1 and id = $2')

/** A host that is proven, with its tenant: asked across tenants, in the system role. */
export interface ProvenIssuerHost {
  readonly id: string
  readonly host: string
  readonly active: boolean
  readonly tenantId: string
  readonly tenantSlug: string
}

const proven = `
select h.id, h.host, h.active, h.tenant_id, t.slug as tenant_slug
from stoa.issuer_hosts h join stoa.tenants t on t.id = h.tenant_id
where h.verified_at is not null`

/** Those of these hosts that are proven. */
export function provenIssuerHosts(tx: Tx, hosts: readonly string[]): Promise<ProvenIssuerHost[]> {
  return tx.many(provenOf(hosts))
}
const provenOf = statement<[readonly string[]], ProvenIssuerHost>(`${proven} and h.host = any ($1::text[])`)

/** A page of all that are proven, by host. */
export function provenIssuerHostsAfter(tx: Tx, after: string, limit: number): Promise<ProvenIssuerHost[]> {
  return tx.many(provenPage(after, limit))
}
const provenPage = statement<[string, number], ProvenIssuerHost>(`${proven} and h.host > $1 order by h.host limit $2`)

/** What there is over all tenants, in the system role. */
interface HostsOverAll {
  readonly active: number
  /** Proven hosts that are not their tenants', as far as the list of all hosts says. */
  readonly strays: readonly string[]
}

/** Counts them. @param room what it is called in the list of all hosts */
export function hostsOverAll(tx: Tx, room: string): Promise<HostsOverAll> {
  return tx.one(overAll(room))
}
const overAll = statement<[string], HostsOverAll>(`
select count(*) filter (where h.active)::int as active,
  coalesce(array_agg(h.host order by h.host) filter (where p.host is null), '{}') as strays
from stoa.issuer_hosts h
left join stoa.proven_hosts p on p.tenant_id = h.tenant_id and p.host = h.host and p.room = $1 and p.use_id = h.id
where h.verified_at is not null`)
