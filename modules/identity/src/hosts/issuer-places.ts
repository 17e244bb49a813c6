/*
 * Where issuers are. A tenant has one, at one place: at a host of its own when one is active, else at the installation's
 * address.
 *
 *   https://id.acme.example           active: the issuer, and the pages that people sign in by
 *   https://stoa.example.org/t/acme   while no host is active: the issuer. Always: the pages of the tenant
 *
 * There is no second one beside it, so no application can be made to take what one says for what the other says (RFC 9700
 * §4.4). Tokens that were given out by another name hold until they end, as long as that name is still the tenant's own.
 */
import type { Database } from '@stoa/db'
import { type ServedHost, ServedHosts, type TenantHosts } from '@stoa/http'
import type { BaseCtx, Tenant } from '@stoa/kernel'
import { provenIssuerHosts, provenIssuerHostsAfter } from './issuer-host-store.ts'

/** What this room is called among those that serve hosts of tenants. */
export const HOST_ROOM = 'identity'

/** A proven host of a tenant. */
export interface IssuerPlace extends ServedHost {
  readonly active: boolean
  readonly tenantSlug: string
}

/** What it stands on. */
export interface IssuerPlacesDeps {
  readonly db: Database
  /** Of the system. */
  readonly ctx: BaseCtx
  readonly hosts: Pick<TenantHosts, 'adopt' | 'isOwn'>
  /** Where the world reaches this program, without a slash at the end. */
  publicUrl(): string
}

type OfTenant = Pick<Tenant, 'id' | 'slug'>

/** Where the issuers of an installation are. */
export class IssuerPlaces {
  /** The hosts, as this process knows them. */
  readonly served: ServedHosts<IssuerPlace>
  readonly #deps: IssuerPlacesDeps

  constructor(deps: IssuerPlacesDeps) {
    const { ctx, db } = deps
    this.#deps = deps
    this.served = new ServedHosts({
      ctx,
      read: (hosts) => db.systemRead(ctx, (tx) => provenIssuerHosts(tx, hosts)),
      page: (after, limit) => db.systemRead(ctx, (tx) => provenIssuerHostsAfter(tx, after, limit)),
    })
  }

  /**
   * The tenant's host that a request is for, as the caller names it; undefined: it is none. The installation's own is none, also
   * when somebody has proven it before it was that.
   */
  at(named: string): IssuerPlace | undefined {
    const place = this.served.at(named)
    return place === undefined || this.#deps.hosts.isOwn(place.host) ? undefined : place
  }

  /** The issuer of a tenant. */
  issuerOf(tenant: OfTenant): string {
    for (const place of this.served.of(tenant.id)) if (place.active) return this.addressOf(place.host)
    return this.pagesOf(tenant.slug)
  }

  /** Whether the tenant's issuer is or may have been called so: tokens say by whom they were given out. */
  isIssuerOf(tenant: OfTenant, issuer: unknown): boolean {
    if (typeof issuer !== 'string') return false
    if (issuer === this.pagesOf(tenant.slug)) return true
    for (const place of this.served.of(tenant.id)) if (issuer === this.addressOf(place.host)) return true
    return false
  }

  /** Where the pages of a tenant are at the installation: `https://stoa.example.org/t/acme`. */
  pagesOf(slug: string): string {
    return `${this.#deps.publicUrl()}${pagesPath(slug)}`
  }

  /** The host of the installation: `stoa.example.org`. */
  hostOfAll(): string {
    return URL.parse(this.#deps.publicUrl())?.host ?? ''
  }

  /** The address of a host: `https://id.acme.example`. The scheme is that of the installation. */
  addressOf(host: string): string {
    return `${this.#deps.publicUrl().startsWith('https:') ? 'https' : 'http'}://${host}`
  }

  /** Reads all hosts. What changes from then on has to be told. */
  load(): Promise<void> {
    return this.served.load((page) => this.#deps.hosts.adopt(HOST_ROOM, page))
  }
}

/** Where the pages of a tenant are below the installation's address: `/t/acme`. */
export function pagesPath(slug: string): string {
  return `/t/${slug}`
}
