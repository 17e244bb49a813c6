/**
 * Asks the database where codes lead. A code says neither tenant nor placement, so the directory is asked first, which all
 * placements share. Links of pooled tenants come along with it, in one statement for all codes that are wanted at the
 * same time; those of a tenant with a schema of its own take a second one.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, type Repeating, repeat, type Tenant, tenantCtx } from '@stoa/kernel'
import { uuidBytes } from '../clicks/click-encoding.ts'
import { Gathering } from '../clicks/gathering.ts'
import {
  codeCount,
  codesAfter,
  destinationsByCode,
  destinationsById,
  type FoundCode,
  type FoundLink,
} from '../link-store.ts'
import { routingOf } from '../redirect/routing.ts'
import { withUtm } from '../redirect/utm.ts'
import { type Destination, keyOf, ofKey } from '../targets/destinations.ts'
import type { CodeFilter } from './code-filter.ts'
import type { SharedLinks } from './shared-links.ts'

const CODES_AT_ONCE = 500
const QUESTIONS_AT_ONCE = 2
const CODES_PER_PAGE = 10_000
/** Tenants that are remembered. */
const TENANTS = 10_000
/** How often it is seen whether the filter has become too small, or has not been filled yet. */
const FILTER_LOOK_MS = 30_000

/** Where codes lead, as the database knows it, or another process that has asked it. */
export class Directory {
  readonly #db: Database
  readonly #ctx: BaseCtx
  readonly #splitKey: Buffer
  readonly #shared: SharedLinks | null
  readonly #spaces = new Map<string, Gathering<FoundLink>>()
  /** A link that is remembered has its tenant with it: one object for all links of a tenant. */
  readonly #tenants = new Map<string, Tenant>()

  /**
   * @param splitKey see {@link RoutingSpec}
   * @param shared null: each process asks the database
   */
  constructor(db: Database, ctx: BaseCtx, splitKey: Buffer, shared: SharedLinks | null = null) {
    this.#db = db
    this.#ctx = ctx
    this.#splitKey = splitKey
    this.#shared = shared
  }

  /** How many questions the database was asked, each for all codes that were wanted at the time. */
  get questions(): number {
    return [...this.#spaces.values()].reduce((sum, { questions }) => sum + questions, 0)
  }

  /** Where a code leads; null when there is none. @param anew past what other processes know */
  readonly find = async (space: string, code: string, anew = false): Promise<Destination | null> => {
    const known = anew ? null : ((await this.#shared?.known(space, code)) ?? null)
    if (known !== null) return this.#destinationOf(known.link, known.at)
    const askedAt = this.#ctx.clock.now()
    const link = await this.#gathering(space).get(code)
    if (link === null) return null
    this.#shared?.looked(space, link, askedAt)
    return this.#destinationOf(link, askedAt)
  }

  #gathering(space: string): Gathering<FoundLink> {
    const known = this.#spaces.get(space)
    if (known) return known
    const gathering = new Gathering<FoundLink>({
      ask: (codes) => this.#ask(space, codes),
      most: CODES_AT_ONCE,
      atOnce: QUESTIONS_AT_ONCE,
    })
    this.#spaces.set(space, gathering)
    return gathering
  }

  /**
   * Fills the filter with all codes, and again when they have become too many for it.
   *
   * @param heard resolves as soon as new codes are told to the filter
   */
  keep(filter: CodeFilter, heard: Promise<unknown>): Repeating {
    const { clock, log } = this.#ctx
    const work = async (signal: AbortSignal): Promise<void> => {
      if (filter.isFilled && !filter.isFull) return
      await heard
      const count = await this.#db.systemRead(this.#ctx, (tx) => codeCount(tx))
      await filter.fill(count, async (after) => {
        signal.throwIfAborted()
        const codes = await this.#db.systemRead(this.#ctx, (tx) => codesAfter(tx, ofKey(after), CODES_PER_PAGE))
        return codes.map(({ code, space }) => keyOf(space, code))
      })
    }
    const onError = (err: unknown) => log.warn({ err }, 'the filter of codes could not be filled: later again')
    return repeat(work, { clock, firstMs: 0, everyMs: FILTER_LOOK_MS, onError })
  }

  async #ask(space: string, codes: readonly string[]): Promise<ReadonlyMap<string, FoundLink>> {
    const found = await this.#db.systemRead(this.#ctx, (tx) => destinationsByCode(tx, space, codes))
    const all = new Map<string, FoundLink>()
    const placed = new Map<string, [FoundCode, ...FoundCode[]]>()
    for (const row of found) {
      if (row.target !== null) all.set(row.code, { ...row, target: row.target })
      else {
        const others = placed.get(row.tenantId)
        if (others) others.push(row)
        else placed.set(row.tenantId, [row])
      }
    }
    await Promise.all([...placed.values()].map((rows) => this.#addPlaced(rows, all)))
    return all
  }

  async #addPlaced(rows: readonly [FoundCode, ...FoundCode[]], all: Map<string, FoundLink>): Promise<void> {
    const ctx = tenantCtx(this.#ctx, this.#tenantOf(rows[0]))
    const ids = rows.map(({ linkId }) => linkId)
    const links = await this.#db.read(ctx, (tx) => destinationsById(tx, rows[0].tenantId, ids))
    const byId = new Map(links.map((link) => [link.id, link]))
    for (const row of rows) {
      const link = byId.get(row.linkId)
      if (link) all.set(row.code, { ...row, ...link })
    }
  }

  #destinationOf(link: FoundLink, readAt: number): Destination {
    const { linkId } = link
    const hasNone = link.rules === null && link.split === null
    const routing = hasNone ? null : routingOf(linkId, link, this.#splitKey)
    return { ...limitsOf(link), routing, linkId, link: uuidBytes(linkId), tenant: this.#tenantOf(link), readAt }
  }

  #tenantOf({ tenantId: id, tenantSchema: schema, tenantSlug: slug }: FoundCode): Tenant {
    const known = this.#tenants.get(id)
    if (known?.slug === slug && known.schema === schema) return known
    if (this.#tenants.size >= TENANTS) this.#tenants.clear()
    const tenant = { id, slug, schema }
    this.#tenants.set(id, tenant)
    return tenant
  }
}

function limitsOf(link: FoundLink) {
  const { archivedAt, card, expiresAt, forwardQuery, maxVisits, password, redirectStatus, startsAt, target, utm } = link
  const isDown = archivedAt !== null || link.takedown !== null
  return {
    password,
    card,
    takedown: link.takedown,
    target: withUtm(target, utm),
    status: redirectStatus,
    startsAt: startsAt?.getTime() ?? Number.NEGATIVE_INFINITY,
    endsAt: isDown ? Number.NEGATIVE_INFINITY : (expiresAt?.getTime() ?? Number.POSITIVE_INFINITY),
    limited: maxVisits !== null,
    forwardsQuery: forwardQuery,
  }
}
