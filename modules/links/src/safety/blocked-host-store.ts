import { statement, type Tx } from '@stoa/db'

/** A row of `link_blocked_hosts`. */
export interface BlockedHostRow {
  readonly id: string
  /** In Punycode and lower case. */
  readonly host: string
  readonly note: string | null
  readonly createdAt: Date
  readonly createdBy: string
}

const columns = 'id, host, note, created_at, created_by'

/** All of a tenant's, by name alone. */
export async function hostsBlocked(tx: Tx, tenantId: string): Promise<string[]> {
  return (await tx.many(namesBlocked(tenantId))).map(({ host }) => host)
}
const namesBlocked = statement<[string], { host: string }>('select host from link_blocked_hosts where tenant_id = $1')

/** A page of them, by name. */
export function blockedHostRows(tx: Tx, tenantId: string, after: string, limit: number): Promise<BlockedHostRow[]> {
  return tx.many(blockedPage(tenantId, after, limit))
}
const blockedPage = statement<[string, string, number], BlockedHostRow>(
  `select ${columns} from link_blocked_hosts where tenant_id = $1 and host > $2 order by host limit $3`,
)

/** Keeps others of the tenant from adding until the transaction ends. @returns how many there are */
export async function countBlocked(tx: Tx, tenantId: string): Promise<number> {
  tx.later(additionLock(tenantId))
  return (await tx.one(blockedCounted(tenantId))).count
}
const additionLock = statement<[string], never>(
  "select pg_advisory_xact_lock(hashtextextended('link_blocked_hosts ' || $1::text, 0))",
)
const blockedCounted = statement<[string], { count: number }>(
  'select count(*) as count from link_blocked_hosts where tenant_id = $1',
)

/** Adds a host. @returns false when it is there already */
export async function addBlockedHost(tx: Tx, tenantId: string, row: BlockedHostRow): Promise<boolean> {
  const { createdAt, createdBy, host, id, note } = row
  return (await tx.run(blockedAddition(tenantId, id, host, note, createdAt, createdBy))) === 1
}
const blockedAddition = statement<[string, string, string, string | null, Date, string], never>(`
insert into link_blocked_hosts (tenant_id, id, host, note, created_at, created_by)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, host) do nothing`)

/** Removes a host. @returns its name; undefined when there was none */
export async function removeBlockedHost(tx: Tx, tenantId: string, id: string): Promise<string | undefined> {
  return (await tx.maybe(blockedRemoval(tenantId, id)))?.host
}
const blockedRemoval = statement<[string, string], { host: string }>(
  'delete from link_blocked_hosts where tenant_id = $1 and id = $2 returning host',
)
