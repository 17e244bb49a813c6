/**
 * The verbs of short links. Each is one transaction: the row, the directory entry and the event commit together or not
 * at all. Ids and times are made here from the clock of the context, so an answer needs no second query.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Cache, Found } from '@stoa/cache'
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, errors, type FieldError, newId, requirePermission, StoaError } from '@stoa/kernel'
import { type ClickReportInput, clickReport } from './analytics/click-report.ts'
import type { Geo } from './analytics/geo.ts'
import { clickTotalsOf } from './clicks/click-store.ts'
import type { CodeSupply } from './codes/code-supply.ts'
import { readableCode } from './codes/readable-code.ts'
import { shortAddress } from './codes/short-address.ts'
import { slugFault } from './codes/slug.ts'
import type { Link, LinkChange, LinkClicks, NewLink } from './contract.ts'
import { usedDomainRow } from './domains/domain-store.ts'
import { DEFAULT_HOST } from './domains/short-host.ts'
import { linkErrors } from './errors.ts'
import { linkArchived, linkCreated, linkRestored, linkTakedownLifted, linkTakenDown, linkUpdated } from './events.ts'
import { usesFolder } from './folders/folder-store.ts'
import { type LinkEvent, linkEvent } from './link-event.ts'
import { linkOf } from './link-resource.ts'
import {
  addLink,
  claimLink,
  type LinkFilter,
  type LinkRow,
  linkIdsAmong,
  linkRow,
  linkRows,
  linksTo,
  lockedLinkRow,
  nextCodeNumber,
  nextStart,
  saveLink,
  saveLinkTags,
  saveLinkWords,
  spaceOf,
} from './link-store.ts'
import { type KeptLink, keptAs, keptLink, listKeptAs, statusAt } from './redirect/kept-link.ts'
import type { LinkPasswords } from './redirect/link-password.ts'
import { acceptedCard, acceptedRules, acceptedSplit } from './redirect/routing-input.ts'
import { type SimulatedVisit, simulation } from './redirect/simulation.ts'
import { utmQuery } from './redirect/utm.ts'
import type { IsBlocked } from './safety/blocklist.ts'
import { upholdReports } from './safety/report-store.ts'
import type { Takedown } from './safety/takedown.ts'
import { type TargetRules, type TargetVerdict, targetVerdict } from './targets/target-url.ts'

/** Passwords that are hashed at a time for one call. */
const HASHES_AT_ONCE = 4

/** What the verbs stand on. */
export interface LinksDeps {
  readonly db: Database
  readonly journal: Journal
  readonly cache: Pick<Cache, 'lookup'>
  readonly codes: CodeSupply
  readonly targetRules: () => TargetRules
  /** Whether a host, without a port, is the installation's own. */
  readonly isOwnHost: (host: string) => boolean
  /** Where the tenant's links may not lead. */
  readonly blocked: (ctx: Ctx) => Promise<IsBlocked>
  /** The address of a code on a short host; of the installation's own when the host is empty. */
  readonly shortUrl: (host: string, code: string) => string
  /** Called after the commit of each change, in this process, with the version that the link has now. */
  readonly changed: (space: string, code: string, version: number) => void
  /** See {@link RoutingSpec}. */
  readonly splitKey: Buffer
  readonly passwords: Pick<LinkPasswords, 'hash'>
  readonly geo: Geo
}

/** What to list; see {@link LinkFilter}. */
export type LinkListInput = Omit<LinkFilter, 'at' | 'now'> & Freshness & { readonly shortUrl?: string }

/** How fresh what is read must be. */
interface Freshness {
  /**
   * Read past the cache, which in this process knows the writes of this process at once, and those of others as soon as
   * it hears of them. Default false.
   */
  readonly fresh?: boolean
}

/** A change to a link, by somebody who says which version is meant. */
export interface LinkUpdate {
  readonly id: string
  /** Throws `precondition_failed` when the version is not one that the caller has seen. */
  readonly precondition: { check(version: number): void }
  readonly change: LinkChange
  /** Of the password, for who has it already. */
  readonly hash?: string
}

/** Which link something is done with. */
export interface LinkAction {
  readonly id: string
  /** As that of {@link LinkUpdate}. Default: any version will do. */
  readonly precondition?: LinkUpdate['precondition'] | null
}

/** A link that is to be taken down, and why. */
export interface LinkTakedownInput extends LinkAction, Pick<Takedown, 'reason'> {
  readonly note?: string
}

/** The verbs of short links. */
export class Links {
  readonly #deps: LinksDeps

  constructor(deps: LinksDeps) {
    this.#deps = deps
  }

  /**
   * Makes a link, or gives one that is the same where that is asked for. Refuses with `target_refused`, `slug_invalid` or
   * `slug_taken`.
   *
   * @param id for who must not make it twice; default: a new one
   * @param hash of the password, for who has it already; see {@link hashPasswords}
   */
  async createLink(ctx: Ctx, input: NewLink, id: string = newId(ctx.clock), hash?: string): Promise<Link> {
    requirePermission(ctx, 'links:write')
    const { slug } = input
    if (slug !== undefined) this.#checkSlug(slug)
    const now = new Date(ctx.clock.now())
    const judge = await this.#judge(ctx)
    const draft: Omit<LinkRow, 'code'> = {
      id,
      host: DEFAULT_HOST,
      domainId: null,
      target: acceptedTarget(input.target, judge),
      rules: acceptedRules(input.rules ?? [], judge),
      split: acceptedSplit(input.split ?? [], judge),
      password: hash ?? (await this.#hashed(input.password)),
      card: acceptedCard(input.card, judge),
      folderId: input.folderId ?? null,
      title: input.title ?? null,
      notes: input.notes ?? null,
      tags: tidyTags(input.tags ?? []),
      ...limitsOf(input, now),
      archivedAt: null,
      takedown: null,
      version: 1,
      createdAt: now,
      updatedAt: now,
      createdBy: `${ctx.actor.type}:${ctx.actor.id}`,
    }
    return this.#deps.db.transaction(ctx, async (tx) => {
      if (input.folderId) await checkFolder(tx, ctx, input.folderId)
      const on = input.domainId ? { ...draft, ...(await this.#placeOn(ctx, tx, input.domainId)) } : draft
      const known = input.reuse && slug === undefined && on.password === null && (await sameLink(ctx, tx, on))
      if (known) return this.#shown(keptLink(known), now.getTime())
      const row =
        slug === undefined ? await this.#generate(ctx, tx, on, input.codeStyle) : await this.#claim(ctx, tx, on, slug)
      saveLinkTags(tx, ctx.tenant.id, row.id, { before: [], after: row.tags })
      saveLinkWords(tx, ctx.tenant.id, row, null)
      this.#append(ctx, tx, linkCreated, row, {})
      return this.#shown(keptLink(row), now.getTime())
    })
  }

  /** Which of these links there are already. */
  async linksAmong(ctx: Ctx, ids: readonly string[]): Promise<ReadonlySet<string>> {
    requirePermission(ctx, 'links:write')
    const rows = await this.#deps.db.read(ctx, (tx) => linkIdsAmong(tx, ctx.tenant.id, ids))
    return new Set(rows)
  }

  /** The link; refuses with `link_not_found`. */
  async linkById(ctx: Ctx, { fresh = false, ...input }: { readonly id: string } & Freshness): Promise<Found<Link>> {
    // Events, and grants, name links as we write their ids.
    const id = input.id.toLowerCase()
    requirePermission(ctx, 'links:read', linkOf(id))
    const { key, options } = keptAs(id)
    const kept = await this.#deps.cache.lookup(ctx, key, { ...options, bypass: fresh }, async () => {
      const row = await this.#deps.db.read(ctx, (tx) => linkRow(tx, ctx.tenant.id, id))
      return row && keptLink(row)
    })
    return { ...kept, value: this.#shown(found(kept.value), ctx.clock.now()) }
  }

  /** Links in the order asked for, up to the limit. */
  async linkList(ctx: Ctx, { fresh = false, shortUrl, ...asked }: LinkListInput): Promise<Found<Link[]>> {
    requirePermission(ctx, 'links:read')
    const filter = { ...asked, ...(shortUrl !== undefined && { at: shortAddress(shortUrl, this.#deps.isOwnHost) }) }
    let starting = Number.POSITIVE_INFINITY
    const { key, options } = listKeptAs(
      filter,
      () => ctx.clock.now(),
      () => starting,
    )
    const bypass = fresh || options.bypass
    const kept = await this.#deps.cache.lookup(ctx, key, { ...options, bypass }, async () => {
      const now = new Date(ctx.clock.now())
      const [rows, next] = await this.#deps.db.read(ctx, (tx) =>
        Promise.all([
          linkRows(tx, ctx.tenant.id, { ...filter, now }),
          filter.status === 'active' ? nextStart(tx, ctx.tenant.id, now) : null,
        ]),
      )
      if (next !== null) starting = next.getTime()
      return rows.map(keptLink)
    })
    const now = ctx.clock.now()
    return { ...kept, value: kept.value.map((link) => this.#shown(link, now)) }
  }

  /** How often a link was followed, in all and over time; refuses as {@link clickReport}. */
  linkClicks(ctx: Ctx, input: ClickReportInput): Promise<LinkClicks> {
    return clickReport(this.#deps.db, ctx, input)
  }

  /** How often each of these links was followed in all, people and programs apart; those that never were are missing. */
  async linkTotals(ctx: Ctx, ids: readonly string[]): Promise<ReadonlyMap<string, LinkClicks['total']>> {
    requirePermission(ctx, 'links:read')
    const rows = await this.#deps.db.read(ctx, (tx) => clickTotalsOf(tx, ctx.tenant.id, ids))
    return new Map(rows.map(({ linkId, ...total }) => [linkId, total]))
  }

  /** What would become of a visit; refuses as {@link linkById}. Nothing is counted. */
  async simulateVisit(ctx: Ctx, { id, visit }: { readonly id: string; readonly visit: SimulatedVisit }) {
    requirePermission(ctx, 'links:read', linkOf(id))
    const row = found(await this.#deps.db.read(ctx, (tx) => linkRow(tx, ctx.tenant.id, id)))
    return simulation(row, visit, { ...this.#deps, now: ctx.clock.now() })
  }

  /**
   * Changes a link if it still is what the caller saw; else `precondition_failed`. A change to what it is already
   * changes nothing.
   */
  async updateLink(ctx: Ctx, input: LinkUpdate): Promise<Link> {
    requirePermission(ctx, 'links:write', linkOf(input.id))
    const now = new Date(ctx.clock.now())
    const { change } = input
    const judge = await this.#judge(ctx)
    const asked: Partial<LinkRow> = {
      ...(change.target !== undefined && { target: acceptedTarget(change.target, judge) }),
      ...(change.folderId !== undefined && { folderId: change.folderId }),
      ...(change.title !== undefined && { title: change.title }),
      ...(change.notes !== undefined && { notes: change.notes }),
      ...(change.tags !== undefined && { tags: tidyTags(change.tags) }),
      ...(change.startsAt !== undefined && { startsAt: start(change.startsAt) }),
      ...(change.expiresAt !== undefined && { expiresAt: expiry(change.expiresAt, now) }),
      ...(change.maxVisits !== undefined && { maxVisits: change.maxVisits }),
      ...(change.redirectStatus !== undefined && { redirectStatus: change.redirectStatus }),
      ...(change.forwardQuery !== undefined && { forwardQuery: change.forwardQuery }),
      ...(change.utm !== undefined && { utm: utmQuery(change.utm) }),
      ...(change.rules !== undefined && { rules: acceptedRules(change.rules, judge) }),
      ...(change.split !== undefined && { split: acceptedSplit(change.split, judge) }),
      ...(change.password !== undefined && { password: input.hash ?? (await this.#hashed(change.password)) }),
      ...(change.card !== undefined && { card: acceptedCard(change.card, judge) }),
    }
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await lockedLinkRow(tx, ctx.tenant.id, input.id))
      input.precondition.check(row.version)
      checkOrder({ ...row, ...asked })
      const changed = differing(row, asked)
      if (changed.length === 0) return this.#shown(keptLink(row), now.getTime())
      if (asked.folderId && changed.includes('folderId')) await checkFolder(tx, ctx, asked.folderId)
      saveLinkWords(tx, ctx.tenant.id, { ...row, ...asked }, row)
      if (asked.tags) saveLinkTags(tx, ctx.tenant.id, row.id, { before: row.tags, after: asked.tags })
      return this.#save(ctx, tx, { ...row, ...asked }, linkUpdated, { changed })
    })
  }

  /** Takes a link down. One that is down already stays as it is. */
  async archiveLink(ctx: Ctx, input: LinkAction): Promise<Link> {
    requirePermission(ctx, 'links:write', linkOf(input.id))
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await lockedLinkRow(tx, ctx.tenant.id, input.id))
      input.precondition?.check(row.version)
      const now = new Date(ctx.clock.now())
      if (row.archivedAt !== null) return this.#shown(keptLink(row), now.getTime())
      return this.#save(ctx, tx, { ...row, archivedAt: now }, linkArchived, {})
    })
  }

  /** Puts a link back that was taken down. One that is up already stays as it is. */
  async restoreLink(ctx: Ctx, input: LinkAction): Promise<Link> {
    requirePermission(ctx, 'links:write', linkOf(input.id))
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await lockedLinkRow(tx, ctx.tenant.id, input.id))
      input.precondition?.check(row.version)
      if (row.archivedAt === null) return this.#shown(keptLink(row), ctx.clock.now())
      return this.#save(ctx, tx, { ...row, archivedAt: null }, linkRestored, {})
    })
  }

  /**
   * Takes a link down because of where it leads, and upholds its open reports. Refuses with `link_not_found` or
   * `link_taken_down_by_operator`.
   */
  async takeDownLink(ctx: Ctx, { id, precondition, ...told }: LinkTakedownInput): Promise<Link> {
    requirePermission(ctx, 'links:moderate')
    const at = new Date(ctx.clock.now())
    const takedown: Takedown = { reason: told.reason, note: told.note ?? null, at: at.toISOString(), by: 'tenant' }
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await lockedLinkRow(tx, ctx.tenant.id, id))
      precondition?.check(row.version)
      checkOperator(row)
      upholdReports(tx, ctx.tenant.id, row.id, at, `${ctx.actor.type}:${ctx.actor.id}`)
      return this.#save(ctx, tx, { ...row, takedown }, linkTakenDown, {})
    })
  }

  /** Puts a link back that was taken down; refuses as {@link takeDownLink}. One that is not down stays as it is. */
  async liftTakedown(ctx: Ctx, { id, precondition }: LinkAction): Promise<Link> {
    requirePermission(ctx, 'links:moderate')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await lockedLinkRow(tx, ctx.tenant.id, id))
      precondition?.check(row.version)
      checkOperator(row)
      if (row.takedown === null) return this.#shown(keptLink(row), ctx.clock.now())
      return this.#save(ctx, tx, { ...row, takedown: null }, linkTakedownLifted, {})
    })
  }

  #checkSlug(slug: string): void {
    const fault = slugFault(slug)
    if (fault !== null) throw refusal(linkErrors.slug_invalid, '/body/slug', fault.reason, fault.message)
  }

  /** Hashes the passwords of many, some at a time: visitors who say theirs meanwhile come in between. */
  async hashPasswords<T extends { readonly password?: string | null }>(
    many: readonly T[],
  ): Promise<ReadonlyMap<T, string>> {
    const hashes = new Map<T, string>()
    const rest = many.values()
    const work = async () => {
      for (const one of rest) {
        const hash = await this.#hashed(one.password)
        if (hash !== null) hashes.set(one, hash)
      }
    }
    await Promise.all(Array.from({ length: HASHES_AT_ONCE }, work))
    return hashes
  }

  async #hashed(password: string | null | undefined): Promise<string | null> {
    return password ? this.#deps.passwords.hash(password) : null
  }

  async #judge(ctx: Ctx): Promise<Judge> {
    const isBlocked = await this.#deps.blocked(ctx)
    return (target) => targetVerdict(target, this.#deps.targetRules(), isBlocked)
  }

  /** Where a link on a domain of the tenant is; the domain stays until the transaction ends. */
  async #placeOn(ctx: Ctx, tx: Tx, domainId: string) {
    const domain = await usedDomainRow(tx, ctx.tenant.id, domainId)
    if (domain) return { host: domain.host, domainId: domain.id }
    throw refusal(errors.validation_failed, '/body/domainId', 'unknown', 'There is no such domain.')
  }

  /** A generated code may be taken, by a slug that looks like it or by itself: then all of this runs again with another. */
  async #generate(ctx: Ctx, tx: Tx, draft: Omit<LinkRow, 'code'>, style: NewLink['codeStyle']): Promise<LinkRow> {
    const { codes } = this.#deps
    const code = style === 'readable' ? readableCode() : await codes.next(() => nextCodeNumber(tx))
    const row = { ...draft, code }
    addLink(tx, ctx.tenant.id, row, () => codes.giveUpBlockOf(row.code))
    return row
  }

  async #claim(ctx: Ctx, tx: Tx, draft: Omit<LinkRow, 'code'>, slug: string): Promise<LinkRow> {
    const row = { ...draft, code: slug }
    if (await claimLink(tx, ctx.tenant.id, row)) return row
    throw refusal(linkErrors.slug_taken, '/body/slug', 'taken', linkErrors.slug_taken.message)
  }

  #save<D extends object>(ctx: Ctx, tx: Tx, next: LinkRow, event: LinkEvent<D>, extra: D): Link {
    const now = new Date(ctx.clock.now())
    const row = { ...next, version: next.version + 1, updatedAt: now }
    saveLink(tx, ctx.tenant.id, row)
    this.#append(ctx, tx, event, row, extra)
    return this.#shown(keptLink(row), now.getTime())
  }

  #append<D extends object>(ctx: Ctx, tx: Tx, event: LinkEvent<D>, row: LinkRow, extra: D): void {
    this.#deps.journal.append(ctx, tx, linkEvent(event, row, extra))
    tx.afterCommit(() => this.#deps.changed(spaceOf(row), row.code, row.version))
  }

  #shown(link: KeptLink, now: number): Link {
    const { archivedAt, code, createdAt, createdBy, expiresAt, id, tags, target, title, updatedAt, version } = link
    const { forwardQuery, maxVisits, redirectStatus, rules, split, startsAt, utm } = link
    return {
      id,
      code,
      domainId: link.domainId,
      shortUrl: this.#deps.shortUrl(link.host, code),
      target,
      folderId: link.folderId,
      title,
      notes: link.notes,
      tags: [...tags],
      status: statusAt(link, now),
      startsAt,
      expiresAt,
      maxVisits,
      redirectStatus,
      forwardQuery,
      utm,
      rules: [...rules],
      split: [...split],
      hasPassword: link.hasPassword,
      card: link.card,
      archivedAt,
      takedown: link.takedown,
      version,
      createdAt,
      updatedAt,
      createdBy,
    }
  }
}

/** An active link that is all that a new one would be; undefined when there is none. */
async function sameLink(ctx: Ctx, tx: Tx, draft: Omit<LinkRow, 'code'>): Promise<LinkRow | undefined> {
  const { id, version, createdAt, updatedAt, createdBy, ...asked } = draft
  const rows = await linksTo(tx, ctx.tenant.id, draft)
  return rows.find((row) => statusAt(keptLink(row), ctx.clock.now()) === 'active' && differing(row, asked).length === 0)
}

async function checkFolder(tx: Tx, ctx: Ctx, id: string): Promise<void> {
  const exists = await usesFolder(tx, ctx.tenant.id, id)
  if (!exists) throw refusal(errors.validation_failed, '/body/folderId', 'unknown', 'There is no such folder.')
}

type Judge = (target: string) => TargetVerdict

function acceptedTarget(target: string, judge: Judge): string {
  const verdict = judge(target)
  if (verdict.ok) return verdict.url
  throw refusal(linkErrors.target_refused, '/body/target', verdict.reason, verdict.message)
}

function checkOperator({ takedown }: LinkRow): void {
  if (takedown?.by === 'operator') throw new StoaError(linkErrors.link_taken_down_by_operator)
}

function found<T>(link: T | undefined): T {
  if (link === undefined) throw new StoaError(linkErrors.link_not_found)
  return link
}

function refusal(spec: ConstructorParameters<typeof StoaError>[0], pointer: string, code: string, message: string) {
  const fields: FieldError[] = [{ pointer, code, message }]
  return new StoaError(spec, { message, fields })
}

function tidyTags(tags: readonly string[]): string[] {
  return [...new Set(tags.map((tag) => tag.trim()))]
}

/** How and how often a new link redirects. */
function limitsOf(input: NewLink, now: Date) {
  const { forwardQuery = false, maxVisits = null, redirectStatus = 302 } = input
  const times = { startsAt: start(input.startsAt), expiresAt: expiry(input.expiresAt, now) }
  checkOrder(times)
  return { ...times, maxVisits, redirectStatus, forwardQuery, utm: utmQuery(input.utm) }
}

function checkOrder({ expiresAt, startsAt }: Pick<LinkRow, 'expiresAt' | 'startsAt'>): void {
  if (startsAt === null || expiresAt === null || startsAt < expiresAt) return
  throw refusal(errors.validation_failed, '/body/startsAt', 'order', 'The link ends before it begins.')
}

function start(text: string | null | undefined): Date | null {
  if (text === null || text === undefined) return null
  const at = new Date(text)
  if (!Number.isNaN(at.getTime())) return at
  throw refusal(errors.validation_failed, '/body/startsAt', 'format', 'The beginning is not a time.')
}

function expiry(text: string | null | undefined, now: Date): Date | null {
  if (text === null || text === undefined) return null
  const at = new Date(text)
  if (at > now) return at
  const past = !Number.isNaN(at.getTime())
  const message = past ? 'The expiry lies in the past.' : 'The expiry is not a time.'
  throw refusal(errors.validation_failed, '/body/expiresAt', past ? 'past' : 'format', message)
}

/** Names of the asked fields whose value is another than now. */
function differing(row: LinkRow, asked: Partial<LinkRow>): string[] {
  const names = Object.keys(asked) as (keyof LinkRow)[]
  return names.filter((name) => !isDeepStrictEqual(row[name], asked[name]))
}
