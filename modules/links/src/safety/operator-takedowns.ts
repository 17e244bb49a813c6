/**
 * What the operator of the installation does about links that do harm, past their tenants: who has to take a link down at
 * night need not wait for its tenant, who may be the one that does the harm. A link is named as visitors see it, by its
 * address.
 *
 * A takedown is a change of the link like any other one: running processes hear of it by the journal, and it is in the
 * audit trail of the tenant. What the operator took down, only the operator puts back; and what the tenant took down, the
 * tenant.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type BaseCtx, type Ctx, StoaError, type Tenant, tenantCtx } from '@stoa/kernel'
import { shortAddress } from '../codes/short-address.ts'
import { shortUrls } from '../codes/short-url.ts'
import { linksConfig } from '../config.ts'
import { servedDomains } from '../domains/domain-store.ts'
import { DEFAULT_HOST } from '../domains/short-host.ts'
import { linkErrors } from '../errors.ts'
import { linkTakedownLifted, linkTakenDown } from '../events.ts'
import { everyTenant } from '../every-tenant.ts'
import { type LinkEvent, linkEvent } from '../link-event.ts'
import { destinationsByCode, type LinkRow, lockedLinkRow, saveLink } from '../link-store.ts'
import { type OpenReportRow, openReports, operatorTakedowns } from './operator-store.ts'
import { upholdReports } from './report-store.ts'
import type { Takedown } from './takedown.ts'

/** A link, as the operator is told of it. */
export interface OperatedLink {
  /** Slug of its tenant. */
  readonly tenant: string
  readonly id: string
  readonly shortUrl: string
  readonly target: string
  readonly takedown: Takedown | null
}

/** A report that nobody has settled. */
export interface OpenReport extends Omit<OpenReportRow, 'host' | 'code'> {
  readonly tenant: string
  readonly shortUrl: string
}

/** What the operator stands on. */
export interface OperatorTakedownsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  /** Who acts; events name it. */
  readonly ctx: BaseCtx
  /** Where the world reaches the installation. */
  readonly publicUrl: string
  /** The settings of the room. */
  readonly config: Readonly<Record<string, unknown>>
}

const PAGE = 500
const FIRST = '00000000-0000-0000-0000-000000000000'

/** The operator's takedowns. */
export class OperatorTakedowns {
  readonly #deps: OperatorTakedownsDeps
  readonly #ownHosts: readonly string[]
  readonly #shortUrl: (host: string, code: string) => string

  constructor(deps: OperatorTakedownsDeps) {
    const { shortHost } = linksConfig(deps.config)
    this.#deps = deps
    this.#ownHosts = [new URL(deps.publicUrl).hostname, ...(shortHost === null ? [] : [shortHost.replace(/:\d+$/, '')])]
    this.#shortUrl = shortUrls(() => deps.publicUrl, shortHost)
  }

  /**
   * Takes down the link at an address, and upholds its open reports. Refuses with `link_not_found`.
   *
   * @returns the link, and whether anything has changed
   */
  takeDown(address: string, { note, reason }: Pick<Takedown, 'note' | 'reason'>) {
    return this.#change(address, linkTakenDown, ({ takedown }, at) => {
      const isSame = takedown?.by === 'operator' && takedown.reason === reason && takedown.note === note
      return isSame ? undefined : { reason, note, at: at.toISOString(), by: 'operator' }
    })
  }

  /**
   * Puts it back, if the operator took it down. Refuses with `link_not_found`.
   *
   * @returns the link, and whether anything has changed: nothing when it was not down, or its tenant took it down
   */
  lift(address: string) {
    return this.#change(address, linkTakedownLifted, ({ takedown }) => (takedown?.by === 'operator' ? null : undefined))
  }

  /** All links that the operator took down. */
  async *takenDown(): AsyncGenerator<OperatedLink> {
    for await (const { row, tenant } of this.#everywhere(operatorTakedowns)) yield this.#shown(tenant, row)
  }

  /** All reports that nobody has settled, the oldest of each tenant first. */
  async *reported(): AsyncGenerator<OpenReport> {
    for await (const { row, tenant } of this.#everywhere(openReports)) {
      const { code, host, ...report } = row
      yield { ...report, tenant: tenant.slug, shortUrl: this.#shortUrl(host, code) }
    }
  }

  async #change(
    address: string,
    event: LinkEvent<object>,
    next: (row: LinkRow, at: Date) => Takedown | null | undefined,
  ): Promise<{ readonly link: OperatedLink; readonly changed: boolean }> {
    const { ctx, db, journal } = this.#deps
    const { id, tenant } = await this.#linkAt(address)
    const own = tenantCtx(ctx, tenant)
    return db.transaction(own, async (tx) => {
      const row = await lockedLinkRow(tx, tenant.id, id)
      if (row === undefined) throw new StoaError(linkErrors.link_not_found)
      const at = new Date(ctx.clock.now())
      const takedown = next(row, at)
      if (takedown === undefined) return { link: this.#shown(tenant, row), changed: false }
      const changed: LinkRow = { ...row, takedown, version: row.version + 1, updatedAt: at }
      if (takedown !== null) upholdReports(tx, tenant.id, id, at, nameOf(own))
      saveLink(tx, tenant.id, changed)
      journal.append(own, tx, linkEvent(event, changed, {}))
      return { link: this.#shown(tenant, changed), changed: true }
    })
  }

  /** The link at an address of ours: on the installation's own hosts, or on a tenant's. */
  async #linkAt(address: string): Promise<{ readonly tenant: Tenant; readonly id: string }> {
    const { ctx, db } = this.#deps
    const { codes, host } = shortAddress(address, (own) => this.#ownHosts.includes(own))
    return db.systemRead(ctx, async (tx) => {
      const domain = host === null ? undefined : (await servedDomains(tx, [host]))[0]
      const space = host === null ? DEFAULT_HOST : domain?.id
      const found = space === undefined ? [] : await destinationsByCode(tx, space, codes)
      const link = codes.map((code) => found.find((one) => one.code === code)).find((one) => one !== undefined)
      if (link === undefined) throw new StoaError(linkErrors.link_not_found)
      const { linkId: id, tenantId, tenantSchema: schema, tenantSlug: slug } = link
      return { id, tenant: { id: tenantId, slug, schema } }
    })
  }

  /** What a query finds in each tenant, page by page. */
  async *#everywhere<Row extends { readonly id: string }>(
    pageOf: (tx: Parameters<typeof openReports>[0], tenantId: string, after: string, limit: number) => Promise<Row[]>,
  ): AsyncGenerator<{ readonly row: Row; readonly tenant: Tenant }> {
    const { ctx, db } = this.#deps
    for await (const tenant of everyTenant(db, ctx)) {
      for (let after = FIRST; ; ) {
        const rows = await db.read(tenantCtx(ctx, tenant), (tx) => pageOf(tx, tenant.id, after, PAGE))
        for (const row of rows) yield { row, tenant }
        const last = rows.at(-1)
        if (last === undefined || rows.length < PAGE) break
        after = last.id
      }
    }
  }

  #shown(
    { slug }: Tenant,
    { code, host, id, takedown, target }: Pick<LinkRow, 'code' | 'host' | 'id' | 'takedown' | 'target'>,
  ): OperatedLink {
    return { tenant: slug, id, shortUrl: this.#shortUrl(host, code), target, takedown }
  }
}

function nameOf({ actor }: Ctx): string {
  return `${actor.type}:${actor.id}`
}
