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
 * No stale set after a drop. A flight notes when it began. What it brings, from Redis or from a load, is stored in memory only if none of its tags was
 * dropped in this process since then, and in Redis only if none was dropped by any process since the flight asked there: Redis looks and
 * stores in one step. So the order "load reads the old row, write commits, drop, load stores" stores nothing, however slow the load is.
 *
 * Rejected: removing the keys at a write (what is on its way comes back), a second removal after a pause (guesses how slow a load may be), a short time
 * to live (is stale for as long).
 */
import { type CacheClock, monotonicClock } from './clock.ts'
import { checkEntry, checkTags, type EntryOptions, isDueEarly } from './entry-options.ts'
import { Flights } from './flights.ts'
import { type CacheScope, memoryId } from './keys.ts'
import { type Loaded, type Loading, Loads } from './load.ts'
import { LocalStore } from './local-store.ts'
import type { MemoryUsage, MemoryValue } from './memory-level.ts'
import { type CacheOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import type { CacheSignal, Outcome } from './signals.ts'

/** What the cache stands on; all of it is optional. */
export interface CacheDeps {
  /** Default: time since the process started. */
  readonly clock?: CacheClock
  /** Told what happens. It must be quick; what it throws is ignored. */
  readonly observe?: (signal: CacheSignal) => void
  /** Whether to pass the cache by, because a load would see what others do not: inside an open transaction. Default: never. */
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

interface Request {
  readonly scope: CacheScope
  readonly id: string
  readonly key: string
  readonly options: EntryOptions<unknown>
  readonly load: Load<unknown>
  readonly background: boolean
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
  readonly #flights: Flights<Found<unknown>>
  readonly #loads: Loads
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
   * @throws what `load` throws; {@link CacheLoadTimeout}; the reason of the scope's signal; TypeError, RangeError for options out of range
   */
  async wrap<T>(scope: CacheScope, key: string, options: EntryOptions<T>, load: Load<T>): Promise<T> {
    const found = await this.lookup(scope, key, options, load)
    return found.value
  }

  /** As {@link Cache.wrap}, and how the value came. */
  async lookup<T>(scope: CacheScope, key: string, options: EntryOptions<T>, load: Load<T>): Promise<Found<T>> {
    const id = memoryId(scope.tenant.id, options.version ?? 0, key)
    const request = { scope, id, key, options, load, background: false } as Request
    const found = this.#bypass?.(scope)
      ? await this.#passBy(request)
      : (this.#kept(request) ?? (await this.#get(request)))
    this.#counts[found.outcome]++
    this.#observe({ kind: 'answered', outcome: found.outcome })
    return found as Found<T>
  }

  /**
   * Drops what depends on any of the tags: nobody who asks from now on is given it, and nothing that is on its way can be stored. In this process that
   * is done when the call returns.
   *
   * @throws TypeError when they are not tags
   */
  drop(scope: CacheScope, tags: readonly string[]): void {
    checkTags(tags)
    this.#local.drop(scope.tenant.id, tags)
  }

  /** Drops everything of the tenant. */
  clear(scope: CacheScope): void {
    this.#local.clear(scope.tenant.id)
  }

  /** Ends what the cache does by itself. Callers who wait are still answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#loads.close()
  }

  /** What memory has, unless it is out of date. */
  #kept(request: Request): Found<unknown> | undefined {
    const kept = this.#local.memory.get(request.id)
    if (kept === undefined) return undefined
    const now = this.#clock.now()
    const outcome = outcomeAt(kept, now)
    if (outcome === null) return undefined
    const { earlyRefresh } = this.#options
    if (outcome === 'stale' || isDueEarly(kept, now, earlyRefresh, this.#random)) this.#refresh(request, kept, now)
    return { value: kept.value, outcome, ageMs: now - kept.loadedAt }
  }

  async #passBy({ load }: Request): Promise<Found<unknown>> {
    const value = await load({ signal: new AbortController().signal })
    return { value, outcome: 'bypass', ageMs: 0 }
  }

  #get(request: Request): Promise<Found<unknown>> {
    const { id, key, options, scope } = request
    checkEntry(key, options, this.#options)
    scope.signal?.throwIfAborted()
    return abortable(this.#flights.joinable(id) ?? this.#begin(request), scope.signal)
  }

  #begin(request: Request): Promise<Found<unknown>> {
    const { id, options, scope } = request
    const known = typeof options.tags === 'function' ? null : options.tags
    return this.#flights.begin(id, this.#local.watched(scope.tenant.id, known), (begun) => this.#fly(request, begun))
  }

  /** Gets anew in the background what is kept. */
  #refresh(request: Request, kept: MemoryValue, now: number): void {
    if (now < kept.refreshAfter || this.#flights.has(request.id)) return
    kept.refreshAfter = now + REFRESH_PAUSE_MS
    void this.#begin({ ...request, background: true })
  }

  async #fly(request: Request, begun: number): Promise<Found<unknown>> {
    const { background, load, options } = request
    const loaded = await this.#loads.run(load, options, background)
    this.#keep(request, loaded, begun)
    return { value: loaded.value, outcome: 'miss', ageMs: 0 }
  }

  #keep({ id, scope }: Request, { content, spentMs, terms, value }: Loaded, begun: number): void {
    const tenantId = scope.tenant.id
    const { freshMs, staleMs, tags } = terms
    if (content === null) {
      if (!this.#local.droppedSince(tenantId, tags, begun)) this.#local.memory.remove(id)
      return
    }
    const loadedAt = this.#clock.now()
    const freshUntil = loadedAt + freshMs
    const kept = { value, loadedAt, freshUntil, staleUntil: freshUntil + staleMs, spentMs, refreshAfter: 0 }
    if (!this.#local.keep(tenantId, id, tags, content.bytes, kept, begun))
      this.#observe({ kind: 'refused', by: 'memory' })
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

/** What a kept value is at a time; null when it is of no use, which it is too when the clock stands before its loading. */
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
