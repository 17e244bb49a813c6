import { statement, type Tx } from '@stoa/db'

/** What a host is used for. */
export interface HostUse {
  /** In Punycode and lower case, without a port. */
  readonly host: string
  /** Of the row that the room has for it. */
  readonly id: string
}

/** Who has a host: asked across tenants, in the system role. */
export interface HostHolder {
  readonly tenantId: string
  readonly tenantSlug: string
  readonly tenantSchema: string
  readonly room: string
  readonly useId: string
}

/** Who has the host, or undefined. */
export function hostHolder(tx: Tx, host: string): Promise<HostHolder | undefined> {
  return tx.maybe(holderOf(host))
}
const holderOf = statement<[string], HostHolder>(`
select h.tenant_id, t.slug as tenant_slug, t.schema as tenant_schema, h.room, h.use_id
from stoa.proven_hosts h join stoa.tenants t on t.id = h.tenant_id
where h.host = $1`)

/** Notes that the tenant has the host. @returns false when somebody has it already */
export async function takeHost(tx: Tx, tenantId: string, room: string, { host, id }: HostUse): Promise<boolean> {
  return (await tx.run(hostTaking(tenantId, host, room, id))) === 1
}
const hostTaking = statement<[string, string, string, string], never>(`
insert into stoa.proven_hosts (tenant_id, host, room, use_id) values ($1, $2, $3, $4)
on conflict (host) do nothing`)

/** Notes that the tenant's room uses the host no more. */
export async function leaveHost(tx: Tx, tenantId: string, room: string, host: string): Promise<void> {
  await tx.run(hostLeaving(tenantId, room, host))
}
const hostLeaving = statement<[string, string, string], never>(
  'delete from stoa.proven_hosts where tenant_id = $1 and room = $2 and host = $3',
)

/** Notes hosts that a room serves and that nobody has, in the system role. */
export async function adoptHosts(
  tx: Tx,
  room: string,
  uses: readonly (HostUse & { readonly tenantId: string })[],
): Promise<void> {
  const column = (of: (use: (typeof uses)[number]) => string) => uses.map(of)
  await tx.run(
    hostAdoption(
      room,
      column(({ tenantId }) => tenantId),
      column(({ host }) => host),
      column(({ id }) => id),
    ),
  )
}
const hostAdoption = statement<[string, readonly string[], readonly string[], readonly string[]], never>(`
insert into stoa.proven_hosts (tenant_id, host, room, use_id)
select a.tenant_id, a.host, $1, a.use_id from unnest($2::uuid[], $3::text[], $4::uuid[]) as a (tenant_id, host, use_id)
where not exists (select 1 from stoa.proven_hosts h where h.host = a.host)
on conflict (host) do nothing`)
