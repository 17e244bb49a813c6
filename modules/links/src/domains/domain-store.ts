import { isUniqueViolation, statement, type Tx } from '@stoa/db'

/** A row of `link_domains`. */
export interface DomainRow {
  readonly id: string
  /** In Punycode and lower case, without a port. */
  readonly host: string
  readonly rootTarget: string | null
  readonly notFoundTarget: string | null
  readonly verifiedAt: Date | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly createdBy: string
}

const columns = 'id, host, root_target, not_found_target, verified_at, version, created_at, updated_at, created_by'

/** Keeps others of the tenant from adding domains until the transaction ends. @returns how many it has */
export async function countDomains(tx: Tx, tenantId: string): Promise<number> {
  tx.later(additionLock(tenantId))
  return (await tx.one(domainsCounted(tenantId))).count
}
const additionLock = statement<[string], never>(
  "select pg_advisory_xact_lock(hashtextextended('link_domains ' || $1::text, 0))",
)
const domainsCounted = statement<[string], { count: number }>(
  'select count(*) as count from link_domains where tenant_id = $1',
)

/** Adds a domain. @returns false when the tenant has this host already */
export async function addDomain(tx: Tx, tenantId: string, domain: DomainRow): Promise<boolean> {
  const { createdAt, createdBy, host, id, notFoundTarget, rootTarget, verifiedAt } = domain
  const values = [tenantId, id, host, rootTarget, notFoundTarget, verifiedAt, createdAt, createdBy] as const
  return (await tx.run(domainAddition(...values))) === 1
}
const domainAddition = statement<
  [string, string, string, string | null, string | null, Date | null, Date, string],
  never
>(`
insert into link_domains (tenant_id, id, host, root_target, not_found_target, verified_at, version, created_at, updated_at, created_by)
values ($1, $2, $3, $4, $5, $6, 1, $7, $7, $8)
on conflict (tenant_id, host) do nothing`)

/** Whether it failed because the host is another tenant's. */
export function isHostTaken(error: unknown): boolean {
  return isUniqueViolation(error, 'link_domains_verified')
}

/** The domain, or undefined. */
export function domainRow(tx: Tx, tenantId: string, id: string): Promise<DomainRow | undefined> {
  return tx.maybe(domainById(tenantId, id))
}
const domainById = statement<[string, string], DomainRow>(
  `select ${columns} from link_domains where tenant_id = $1 and id = $2`,
)

/** The domain, kept from being removed until the transaction ends. */
export function usedDomainRow(tx: Tx, tenantId: string, id: string): Promise<DomainRow | undefined> {
  return tx.maybe(usedDomainById(tenantId, id))
}
const usedDomainById = statement<[string, string], DomainRow>(
  `select ${columns} from link_domains where tenant_id = $1 and id = $2 for key share`,
)

/** The domain, kept from being changed or used until the transaction ends. */
export function lockedDomainRow(tx: Tx, tenantId: string, id: string): Promise<DomainRow | undefined> {
  return tx.maybe(lockedDomainById(tenantId, id))
}
const lockedDomainById = statement<[string, string], DomainRow>(
  `select ${columns} from link_domains where tenant_id = $1 and id = $2 for update`,
)

/** A page of domains: those that follow one, in the order asked for. */
export function domainRows(
  tx: Tx,
  tenantId: string,
  page: {
    readonly after?: { readonly at: string; readonly id: string }
    readonly descending: boolean
    readonly limit: number
  },
): Promise<DomainRow[]> {
  const { after, descending, limit } = page
  const made = descending ? domainsDown : domainsUp
  return tx.many(made(tenantId, after?.at ?? null, after?.id ?? null, limit))
}
type Page = [string, string | null, string | null, number]
const pageOf = (beyond: string, direction: string) => `
select ${columns} from link_domains
where tenant_id = $1 and ($2::timestamptz is null or (created_at, id) ${beyond} ($2::timestamptz, $3::uuid))
order by created_at ${direction}, id ${direction} limit $4`
const domainsUp = statement<Page, DomainRow>(pageOf('>', 'asc'))
const domainsDown = statement<Page, DomainRow>(pageOf('<', 'desc'))

/** Writes what may change of a domain. */
export async function saveDomain(tx: Tx, tenantId: string, domain: DomainRow): Promise<void> {
  const { id, notFoundTarget, rootTarget, updatedAt, verifiedAt, version } = domain
  await tx.run(domainSaving(tenantId, id, rootTarget, notFoundTarget, verifiedAt, version, updatedAt))
}
const domainSaving = statement<[string, string, string | null, string | null, Date | null, number, Date], never>(`
update link_domains
set root_target = $3, not_found_target = $4, verified_at = $5, version = $6, updated_at = $7
where tenant_id = $1 and id = $2`)

/** Whether links live on the domain. */
export async function hasLinks(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  return (await tx.one(linksThere(tenantId, id))).there
}
const linksThere = statement<[string, string], { there: boolean }>(
  'select exists (select 1 from links where tenant_id = $1 and domain_id = $2) as there',
)

/** Removes a domain. */
export async function removeDomainRow(tx: Tx, tenantId: string, id: string): Promise<void> {
  await tx.run(domainRemoval(tenantId, id))
}
const domainRemoval = statement<[string, string], never>('delete from link_domains where tenant_id = $1 and id = $2')

/** A domain that is proven: asked across tenants, in the system role. */
export interface ServedDomain {
  readonly id: string
  readonly host: string
  readonly rootTarget: string | null
  readonly notFoundTarget: string | null
  readonly tenantId: string
}

const served = `
select d.id, d.host, d.root_target, d.not_found_target, d.tenant_id from link_domains d where d.verified_at is not null`

/** Those of these hosts that are proven. */
export function servedDomains(tx: Tx, hosts: readonly string[]): Promise<ServedDomain[]> {
  return tx.many(servedOf(hosts))
}
const servedOf = statement<[readonly string[]], ServedDomain>(`${served} and d.host = any ($1::text[])`)

/** A page of all that are proven, by host. */
export function servedDomainsAfter(tx: Tx, after: string, limit: number): Promise<ServedDomain[]> {
  return tx.many(servedPage(after, limit))
}
const servedPage = statement<[string, number], ServedDomain>(`${served} and d.host > $1 order by d.host limit $2`)
