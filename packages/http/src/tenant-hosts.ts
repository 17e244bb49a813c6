/*
 * Hosts that tenants have of their own, whichever room serves them: short links, an issuer. A host is one tenant's, for one
 * room; whose it is, is said by a proof that the room asks for, and never by who named it first.
 *
 *   proven ─▶ take over (who has it and cannot prove it any more loses it, whatever their room) ─▶ take, in the room's transaction
 *
 * A room keeps its own rows and says here which hosts it serves, so that no room has to know of another: a certificate is
 * got for the hosts of all of them.
 */
import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, type Tenant, tenantCtx } from '@stoa/kernel'
import { adoptHosts, type HostUse, hostHolder, leaveHost, takeHost } from './host-store.ts'
import type { Route } from './route.ts'
import { askForCertificate } from './routes/ask-for-certificate.ts'

/** A room that serves hosts of tenants. */
export interface HostRoom {
  /** `links` */
  readonly name: string
  /** Whether it serves the host, which a tenant has proven. From memory. @param host in Punycode, without a port */
  serves(host: string): boolean
  /** Whether the host is the installation's own, by a setting of the room. Default: none is. */
  owns?(host: string): boolean
  /** Whether the tenant can prove it still, by the proof of the room. @throws StoaError `unavailable` when DNS does not answer */
  proves(tenantId: string, host: string): Promise<boolean>
  /** Another tenant has proven the host: it is served no more. In a transaction of the tenant who loses it. */
  lose(ctx: Ctx, tx: Tx, id: string): Promise<void>
}

/** What {@link TenantHosts} stands on. */
export interface TenantHostsDeps {
  readonly db: Database
  /** Of the system. */
  readonly ctx: BaseCtx
  /** Where the world reaches this program. */
  readonly publicUrl: () => string
}

/** The hosts of tenants. */
export class TenantHosts {
  /** `GET /tls/ask` */
  readonly routes: readonly Route[]
  readonly #deps: TenantHostsDeps
  readonly #rooms = new Map<string, HostRoom>()

  constructor(deps: TenantHostsDeps) {
    this.#deps = deps
    this.routes = [askForCertificate((host) => this.serves(host))]
  }

  /** The room serves hosts from now on. */
  open(room: HostRoom): void {
    this.#rooms.set(room.name, room)
  }

  /** Whether the host is ours, or a tenant's and proven. @param host without a port */
  serves(host: string): boolean {
    return this.isOwn(host) || [...this.#rooms.values()].some((room) => room.serves(host))
  }

  /** Whether the host is the installation's own. @param host without a port */
  isOwn(host: string): boolean {
    if (host === URL.parse(this.#deps.publicUrl())?.hostname) return true
    return [...this.#rooms.values()].some((room) => room.owns?.(host) === true)
  }

  /**
   * Takes the host from another tenant who has it and cannot prove it any more. Not to be called inside of a transaction:
   * DNS is waited for.
   *
   * @returns false when it stays with who has it: another tenant, or another room of this one
   */
  async takeOver(host: string, { id: tenantId }: Tenant, room: string): Promise<boolean> {
    const { ctx, db } = this.#deps
    const holder = await db.systemRead(ctx, (tx) => hostHolder(tx, host))
    if (holder === undefined) return true
    if (holder.tenantId === tenantId) return holder.room === room
    const theirs = this.#rooms.get(holder.room)
    if (theirs === undefined || (await theirs.proves(holder.tenantId, host))) return false
    const tenant = { id: holder.tenantId, slug: holder.tenantSlug, schema: holder.tenantSchema }
    const own = tenantCtx(ctx, tenant)
    await db.transaction(own, async (tx) => {
      await theirs.lose(own, tx, holder.useId)
      await leaveHost(tx, tenant.id, holder.room, host)
    })
    return true
  }

  /** The tenant has the host from this transaction on. @returns false when somebody has it */
  async take({ tenant }: Ctx, tx: Tx, room: string, use: HostUse): Promise<boolean> {
    // What a node of an older version has left behind of a host that the room had before.
    await leaveHost(tx, tenant.id, room, use.host)
    return takeHost(tx, tenant.id, room, use)
  }

  /** It has it no more. */
  leave({ tenant }: Ctx, tx: Tx, room: string, host: string): Promise<void> {
    return leaveHost(tx, tenant.id, room, host)
  }

  /** Notes hosts that the room serves and that were proven by a node of an older version. */
  async adopt(room: string, uses: readonly (HostUse & { readonly tenantId: string })[]): Promise<void> {
    if (uses.length > 0) await this.#deps.db.system(this.#deps.ctx, (tx) => adoptHosts(tx, room, uses))
  }
}
