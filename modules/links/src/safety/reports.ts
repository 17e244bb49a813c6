/**
 * What strangers say of links. Who reports needs no account: an address may send a few at once, and a link has at most
 * {@link OPEN_MAX} open reports; who reports it then is thanked all the same, because nobody would read one more.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type BaseCtx, type Ctx, newId, requirePermission, StoaError, tenantCtx } from '@stoa/kernel'
import type { Static } from 'typebox'
import { shortAddress } from '../codes/short-address.ts'
import { DEFAULT_HOST } from '../domains/short-host.ts'
import type { ShortHosts } from '../domains/short-hosts.ts'
import { linkErrors } from '../errors.ts'
import { reportDismissed, reportFiled } from '../events.ts'
import type { Destination, Destinations } from '../targets/destinations.ts'
import type * as schema from './report-schema.ts'
import { addReport, dismissReport, type ReportFilter, type ReportRow, reportRows } from './report-store.ts'

type LinkReport = Static<typeof schema.LinkReport>

/** Most open reports of a link. */
const OPEN_MAX = 20

/** What the verbs stand on. */
export interface ReportsDeps {
  readonly db: Database
  readonly journal: Journal
  readonly destinations: Pick<Destinations, 'find'>
  readonly hosts: Pick<ShortHosts, 'placeOf' | 'has'>
  /** Whether a host, without a port, is the installation's own. */
  readonly isOwnHost: (host: string) => boolean
}

/** The verbs of reports. */
export class Reports {
  readonly #deps: ReportsDeps

  constructor(deps: ReportsDeps) {
    this.#deps = deps
  }

  /** Takes a report in, from anybody. Refuses with `link_not_found`. */
  async file(ctx: BaseCtx, input: Static<typeof schema.NewReport>): Promise<void> {
    const link = await this.#linkAt(input.link)
    if (link === null) throw new StoaError(linkErrors.link_not_found)
    const own = tenantCtx(ctx, link.tenant)
    const row: ReportRow = {
      id: newId(ctx.clock),
      linkId: link.linkId,
      reason: input.reason,
      details: input.details?.trim() || null,
      contact: input.contact?.trim() || null,
      state: 'open',
      createdAt: new Date(ctx.clock.now()),
      settledAt: null,
      settledBy: null,
    }
    await this.#deps.db.transaction(own, async (tx) => {
      const added = await addReport(tx, own.tenant.id, row, OPEN_MAX)
      if (!added) return
      const { id, linkId, reason } = row
      this.#deps.journal.append(own, tx, reportFiled.of({ id, linkId, reason }, [`link_report:${id}`]))
    })
  }

  /** Reports, the newest first. */
  async list(ctx: Ctx, filter: ReportFilter): Promise<LinkReport[]> {
    requirePermission(ctx, 'links:moderate')
    const rows = await this.#deps.db.read(ctx, (tx) => reportRows(tx, ctx.tenant.id, filter))
    return rows.map(shown)
  }

  /** Nothing is to be done. One that was settled stays as it is. Refuses with `link_report_not_found`. */
  async dismiss(ctx: Ctx, { id }: { readonly id: string }): Promise<LinkReport> {
    requirePermission(ctx, 'links:moderate')
    const by = `${ctx.actor.type}:${ctx.actor.id}`
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = await dismissReport(tx, ctx.tenant.id, id, new Date(ctx.clock.now()), by)
      if (row === undefined) throw new StoaError(linkErrors.link_report_not_found)
      const { linkId, reason } = row
      this.#deps.journal.append(ctx, tx, reportDismissed.of({ id, linkId, reason }, [`link_report:${id}`]))
      return shown(row)
    })
  }

  /** The link at an address of ours. */
  async #linkAt(text: string): Promise<Destination | null> {
    const { destinations, hosts, isOwnHost } = this.#deps
    const { codes, host } = shortAddress(text, isOwnHost)
    if (host !== null && !hosts.has(host)) return null
    const space = host === null ? DEFAULT_HOST : hosts.placeOf(host).space
    for (const code of codes) {
      const found = await destinations.find(space, code)
      if (found !== null) return found
    }
    return null
  }
}

function shown({ createdAt, settledAt, ...row }: ReportRow): LinkReport {
  return { ...row, createdAt: createdAt.toISOString(), settledAt: settledAt?.toISOString() ?? null }
}
