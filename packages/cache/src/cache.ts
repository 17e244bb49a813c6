/*
 * Reading through a cache that writes keep fresh.
 *
 *   wrap ─► memory ─ hit ──────────────────────────────────────────────► value
 *             │ nothing
 *             ├─► somebody in this process is getting it ─► wait for it ─► value
 *             └─► a flight: Redis ─ hit ─► memory ─────────────────────► value
 *                             │ nothing, and the lease of the key (or Redis is away)
 *                             └─► load ─► memory, Redis ───────────────► value
 *
 * No stale set after a drop. A flight notes when it began. What it brings, from Redis or from a load, is stored in
 * memory only if none of its tags was dropped in this process since then, and in Redis only if none was dropped by any
 * process since the flight asked there: Redis looks and stores in one step. So the order "load reads the old row, write
 * commits, drop, load stores" stores nothing, however slow the load is.
 *
 * Rejected: removing the keys at a write (what is on its way comes back), a second removal after a pause (guesses how
 * slow a load may be), a short time to live (is stale for as long).
 */
import { type CacheClock, monotonicClock } from './clock.ts'
import type { EntryHead } from './codec.ts'
import { checkDropped, checkEntry, type EntryOptions, isDueEarly, termsOf } from './entry-options.ts'
import { Flights } from './flights.ts'
import { type CacheScope, type EntryNames, entryNames, memoryId } from './keys.ts'
import { type Loaded, type Loading, Loads } from './load.ts'
import { LocalStore } from './local-store.ts'
import type { MemoryUsage, MemoryValue } from './memory-level.ts'
import { type CacheOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { type Asked, RedisLevel, type Turn } from './redis-level.ts'
import type { RedisClient } from './redis-line.ts'
import type { CacheSignal, Outcome } from './signals.ts'
import type { Witness } from './witness.ts'
import { type Writer, Writers } from './writers.ts'

/** What the cache stands on; all of it is optional. */
export interface CacheDeps {
  /** What processes share. Default: every process has its memory alone. */
  readonly redis?: RedisClient
  /** Default: time since the process started. */
  readonly clock?: CacheClock
  /** Told what happens. It must be quick; what it throws is ignored. */
  readonly observe?: (signal: CacheSignal) => void
  /**
   * Whether to pass the cache by, because a load would see what others do not: inside an open transaction. Default:
   * never.
   */
  readonly bypass?: (scope: CacheScope) => boolean
  /** From 0 to below 1, for early refreshes. Default: Math.random. */
  readonly random?: () => number
}

/** A value, and how it came. */
export interface Found<T> {
  readonly value: T
  readonly outcome: Outcome
  /** Milliseconds since it was loaded. */
  readonly ageMs: number
}

/** How often each outcome was given. */
export type OutcomeCounts = Readonly<Record<Outcome, number>>

/** Reads `wrap` and `lookup` take: how to get the value of a key. */
type Load<T> = (loading: Loading) => Promise<T>

/** A value, and as what it is kept. */
interface Got extends Found<unknown> {
  readonly kept: MemoryValue | null
}

interface Request {
  readonly scope: CacheScope
  readonly id: string
  readonly key: string
  readonly options: EntryOptions<unknown>
  readonly load: Load<unknown>
  readonly background: boolean
}

/** When a load began. */
interface Moment {
  /** By the drop log. */
  readonly begun: number
  /** By the witness. */
  readonly seen: string | undefined
  readonly turn: Turn | null
}

/** After a refresh in the background began, the next one waits at least this long, whether it succeeds or not. */
const REFRESH_PAUSE_MS = 1_000

/** A cache of this process. Made by {@link createCache}. */
export class Cache implements AsyncDisposable {
  readonly #options: ResolvedOptions
  readonly #clock: CacheClock
  readonly #observe: (signal: CacheSignal) => void
  readonly #bypass: ((scope: CacheScope) => boolean) | undefined
  readonly #random: () => number
  readonly #local: LocalStore
  readonly #flights: Flights<Got>
  readonly #loads: Loads
  readonly #redis: RedisLevel | null
  readonly #writers = new Writers()
  #witness: Witness | null = null
  readonly #counts: Record<Outcome, number> = { hit: 0, miss: 0, stale: 0, bypass: 0 }

  constructor(options: ResolvedOptions, deps: CacheDeps) {
    this.#options = options
    this.#clock = deps.clock ?? monotonicClock
    this.#observe = quietly(deps.observe)
    this.#bypass = deps.bypass
    this.#random = deps.random ?? Math.random
    this.#local = new LocalStore(options.memoryBytes)
    this.#flights = new Flights(this.#local.log)
    this.#loads = new Loads(options, this.#clock, this.#observe)
    this.#redis = deps.redis ? new RedisLevel(deps.redis, options, this.#clock, this.#observe) : null
  }

  /** How full the memory is. */
  get memory(): MemoryUsage {
    return this.#local.memory.usage
  }

  /** How often each outcome was given since the start. */
  get outcomes(): OutcomeCounts {
    return { ...this.#counts }
  }

  /**
   * The value of a key: kept, or loaded and kept. It is frozen, and others are given the same one.
   *
   * @param key any text. It names the value within its tenant, so whatever the value depends on is in it
   * @param load gets the value. It runs once for all who ask at the same time, so it must not depend on who asks
   * @throws what `load` throws; {@link CacheLoadTimeout}; the reason of the scope's signal; TypeError, RangeError for
   * options out of range
   */
  async wrap<T>(scope: CacheScope, key: string, options: EntryOptions<T>, load: Load<T>): Promise<T> {
    const found = await this.lookup(scope, key, options, load)
    return found.value
  }

  /** As {@link Cache.wrap}, and how the value came. */
  async lookup<T>(scope: CacheScope, key: string, options: EntryOptions<T>, load: Load<T>): Promise<Found<T>> {
    const request = this.#request(scope, key, options, load)
    const passes = options.bypass || this.#bypass?.(scope)
    const got = passes ? await this.#passBy(request) : (this.#kept(request) ?? (await this.#get(request)))
    const { ageMs, outcome, value } = got
    this.#counts[outcome]++
    this.#observe({ kind: 'answered', outcome })
    return { value: value as T, outcome, ageMs }
  }

  /**
   * Writes, and keeps what the write gives back: whoever asks next need not load. Everything that carries one of the
   * tags is dropped first, in any case; the value is kept only if nobody else dropped one of them while the write was
   * under way, because then it may be outdated already.
   *
   * @param write makes the change, commits it, and gives what a load would give from then on
   * @throws what `write` throws; TypeError, RangeError for options out of range
   */
  async through<T>(scope: CacheScope, key: string, options: EntryOptions<T>, write: () => Promise<T>): Promise<T> {
    checkEntry(key, options, this.#options)
    const request = this.#request(scope, key, options, write)
    const tags = typeof options.tags === 'function' ? null : options.tags
    const idle = (await this.#redis?.turn(this.#names(request))) ?? null
    const tenantId = scope.tenant.id
    const writer = { tenantId, tags: tags && new Set(tags), spoiled: false, idle, turn: Promise.resolve(idle) }
    try {
      return await this.#writers.run(writer, write, (value) => this.#keepWritten(request, writer, value))
    } catch (error) {
      // It may have been committed all the same.
      if (tags) void this.#drop(tenantId, tags)
      throw error
    }
  }

  /**
   * Drops what depends on any of the tags: nobody who asks from now on is given it, and nothing that is on its way can
   * be stored. In this process that is done when the call returns; in Redis when the promise resolves, or, if Redis
   * does not answer in time, as soon as it does. Other processes keep what is in their memory until they are told: see
   * `dropFromJournal`, and until then no longer than its time to live.
   *
   * @throws TypeError when they are not tags
   */
  drop(scope: CacheScope, tags: readonly string[]): Promise<void> {
    checkDropped(tags)
    return this.#drop(scope.tenant.id, tags)
  }

  /**
   * Drops tags in the memory of this process alone: another process has changed something, and told Redis. @throws
   * TypeError when they are not tags
   */
  dropHere(scope: CacheScope, tags: readonly string[]): void {
    checkDropped(tags)
    this.#writers.dropped(scope.tenant.id, tags)
    this.#local.drop(scope.tenant.id, tags)
  }

  /** Drops everything of the tenant, as {@link Cache.drop} does. */
  async clear(scope: CacheScope): Promise<void> {
    this.clearHere(scope)
    await this.#redis?.drop(scope.tenant.id, null)
  }

  /** Drops everything of the tenant in the memory of this process alone. */
  clearHere(scope: CacheScope): void {
    const { id } = scope.tenant
    this.#writers.dropped(id, null)
    this.#local.clear(id)
  }

  /**
   * From now on the witness is asked about whatever comes from Redis. What is in memory is forgotten: nobody was asked
   * about that.
   *
   * @returns takes the witness away again
   * @throws Error when there is one
   */
  attach(witness: Witness): Disposable {
    if (this.#witness) throw new Error('the cache has a witness')
    this.#witness = witness
    this.#local.clearAll()
    return {
      [Symbol.dispose]: () => {
        this.#witness = null
        this.#local.clearAll()
      },
    }
  }

  /** Resolves when what was loaded has been stored. */
  async settled(): Promise<void> {
    await this.#redis?.settled()
  }

  /** Ends what the cache does by itself. The Redis client is its owner's to close. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis?.[Symbol.asyncDispose]()
    this.#loads.close()
  }

  async #drop(tenantId: string, tags: readonly string[]): Promise<void> {
    const own = this.#writers.own
    if (own?.tenantId !== tenantId) await this.#dropTags(tenantId, tags, null)
    // Tags that are known only from the value cannot be watched over from the commit on, so Redis is not given the
    // value then.
    else await this.#dropOwn(own, [...new Set([...tags, ...(own.tags ?? [])])], own.tags ? own.idle : null)
  }

  #dropOwn(own: Writer, tags: readonly string[], turn: Turn | null): Promise<unknown> {
    own.idle = null
    own.turn = this.#dropTags(own.tenantId, tags, turn)
    return own.turn
  }

  async #dropTags(tenantId: string, tags: readonly string[], turn: Turn | null): Promise<Turn | null> {
    if (tags.length === 0) return null
    this.#writers.dropped(tenantId, tags)
    this.#local.drop(tenantId, tags)
    return (await this.#redis?.drop(tenantId, tags, turn)) ?? null
  }

  /** Keeps what a write gave back, inside of the write. */
  async #keepWritten(request: Request, writer: Writer, value: unknown): Promise<void> {
    const terms = termsOf(value, request.options, this.#options)
    await this.#dropOwn(writer, terms.tags, await writer.turn)
    if (writer.spoiled || terms.freshMs <= 0) return
    const turn = await writer.turn
    const content = this.#loads.storable(value)
    if (content === null || writer.spoiled) return
    const seen = this.#witness?.seen()
    this.#keep(request, { value, spentMs: 0, terms, content }, { begun: this.#local.log.now, seen, turn })
  }

  #request<T>(scope: CacheScope, key: string, options: EntryOptions<T>, load: Load<T>): Request {
    const id = memoryId(scope.tenant.id, options.version ?? 0, key)
    return { scope, id, key, options: options as EntryOptions<unknown>, load, background: false }
  }

  /** What memory has, unless it is out of date. */
  #kept(request: Request): Got | undefined {
    const kept = this.#local.memory.get(request.id)
    if (kept === undefined) return undefined
    const now = this.#clock.now()
    const outcome = outcomeAt(kept, now)
    if (outcome === null) return undefined
    const { earlyRefresh } = this.#options
    if (outcome === 'stale' || isDueEarly(kept, now, earlyRefresh, this.#random)) this.#refresh(request, kept, now)
    return { value: kept.value, outcome, ageMs: now - kept.loadedAt, kept }
  }

  async #passBy({ load }: Request): Promise<Got> {
    const value = await load({ signal: new AbortController().signal })
    return { value, outcome: 'bypass', ageMs: 0, kept: null }
  }

  async #get(request: Request): Promise<Got> {
    const { id, key, options, scope } = request
    checkEntry(key, options, this.#options)
    scope.signal?.throwIfAborted()
    const got = await abortable(this.#flights.joinable(id) ?? this.#begin(request), scope.signal)
    if (got.outcome === 'stale' && got.kept) this.#refresh(request, got.kept, this.#clock.now())
    return got
  }

  #begin(request: Request, fly = () => this.#fly(request)): Promise<Got> {
    const { id, options, scope } = request
    const known = typeof options.tags === 'function' ? null : options.tags
    return this.#flights.begin(id, this.#local.watched(scope.tenant.id, known), fly)
  }

  async #fly(request: Request): Promise<Got> {
    if (this.#redis === null) return await this.#load(request, null)
    const asked = { begun: 0 }
    const answer = await this.#ask(this.#redis, request, null, asked)
    if (answer.kind === 'held') return this.#take(request, answer, asked.begun)
    return await this.#load(request, answer.kind === 'turn' ? answer.turn : null)
  }

  #ask(redis: RedisLevel, request: Request, known: string | null, asked: { begun: number }): Promise<Asked> {
    const { options, scope } = request
    return redis.ask({
      tenantId: scope.tenant.id,
      names: this.#names(request),
      tags: typeof options.tags === 'function' ? [] : options.tags,
      known,
      asking: () => {
        asked.begun = this.#local.log.now
      },
      believes: (tenantId, { seen, tags }) => this.#witness?.believes(tenantId, tags, seen) ?? true,
    })
  }

  /** Keeps in memory what Redis had. */
  #take({ id, scope }: Request, held: Asked & { kind: 'held' }, asked: number): Got {
    const { ageMs, head, value } = held
    const now = this.#clock.now()
    const content = this.#loads.storable(value)
    const loadedAt = now - ageMs
    const kept = keptOf(value, loadedAt, head, held.id)
    const tenantId = scope.tenant.id
    if (content && !this.#local.keep(tenantId, id, head.tags, content.bytes, kept, asked)) {
      this.#observe({ kind: 'refused', by: 'memory' })
    }
    return { value, outcome: ageMs < head.freshMs ? 'hit' : 'stale', ageMs, kept }
  }

  /** Gets anew in the background what is kept. */
  #refresh(request: Request, kept: MemoryValue, now: number): void {
    if (now < kept.refreshAfter || this.#flights.has(request.id)) return
    kept.refreshAfter = now + REFRESH_PAUSE_MS
    const background = { ...request, background: true }
    if (this.#redis === null) void this.#begin(background)
    else void this.#refreshShared(this.#redis, background, kept.origin).catch(() => undefined)
  }

  /** Another process may be doing it, or have done it. */
  async #refreshShared(redis: RedisLevel, request: Request, known: string): Promise<void> {
    const asked = { begun: 0 }
    const answer = await this.#ask(redis, request, known, asked)
    if (answer.kind === 'held') this.#take(request, answer, asked.begun)
    if (answer.kind !== 'turn') return
    if (!this.#flights.has(request.id)) void this.#begin(request, () => this.#load(request, answer.turn))
    else if (answer.turn) redis.release(this.#names(request), answer.turn, false)
  }

  async #load(request: Request, turn: Turn | null): Promise<Got> {
    const { background, load, options } = request
    const moment = { begun: this.#local.log.now, seen: this.#witness?.seen(), turn }
    try {
      const loaded = await this.#loads.run(load, options, background)
      this.#keep(request, loaded, moment)
      return { value: loaded.value, outcome: 'miss', ageMs: 0, kept: null }
    } catch (error) {
      if (turn) this.#redis?.release(this.#names(request), turn, false)
      throw error
    }
  }

  #keep(request: Request, { content, spentMs, terms, value }: Loaded, { begun, seen, turn }: Moment): void {
    const { id, scope } = request
    const tenantId = scope.tenant.id
    if (content === null) {
      if (!this.#local.droppedSince(tenantId, terms.tags, begun)) this.#local.memory.remove(id)
      if (turn) this.#redis?.release(this.#names(request), turn, true)
      return
    }
    const head = { ...terms, spentMs, ...(seen !== undefined && { seen }) }
    const kept = keptOf(value, this.#clock.now(), head, turn?.id ?? '')
    if (!this.#local.keep(tenantId, id, terms.tags, content.bytes, kept, begun)) {
      this.#observe({ kind: 'refused', by: 'memory' })
    }
    if (turn) this.#redis?.store(this.#names(request), turn, value, content, head)
  }

  #names({ key, options, scope }: Request): EntryNames {
    const { redis, schema } = this.#options
    return entryNames(redis.prefix, schema, scope.tenant.id, options.version ?? 0, key)
  }
}

/**
 * Makes a cache.
 *
 * @throws TypeError for an option that does not exist or is of the wrong type, RangeError for one out of range
 */
export function createCache(options: CacheOptions = {}, deps: CacheDeps = {}): Cache {
  return new Cache(resolveOptions(options), deps)
}

function keptOf(
  value: unknown,
  loadedAt: number,
  { freshMs, spentMs, staleMs }: Pick<EntryHead, 'freshMs' | 'spentMs' | 'staleMs'>,
  origin: string,
): MemoryValue {
  const freshUntil = loadedAt + freshMs
  return { value, loadedAt, freshUntil, staleUntil: freshUntil + staleMs, spentMs, origin, refreshAfter: 0 }
}

/**
 * What a kept value is at a time; null when it is of no use, which it is too when the clock stands before its loading.
 */
function outcomeAt(kept: MemoryValue, now: number): 'hit' | 'stale' | null {
  if (now < kept.loadedAt || now >= kept.staleUntil) return null
  return now < kept.freshUntil ? 'hit' : 'stale'
}

/** Ends the wait, not what is waited for, when the signal aborts. */
async function abortable<T>(outcome: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return await outcome
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([outcome, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** An observer that throws harms nobody. */
function quietly(observe: CacheDeps['observe']): (signal: CacheSignal) => void {
  if (!observe) return () => undefined
  return (signal) => {
    try {
      observe(signal)
    } catch {
      // It was told; what it makes of it is not the cache's business.
    }
  }
}
