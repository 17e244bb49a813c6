/*
 * Entries that processes share, each of a thing that has a version of its own which only grows: a row that is locked while
 * it changes. So the version alone says which of two is the newer one; there are no tags and no leases.
 *
 *   <version> '\n' <text>    an entry
 *   <version>                a mark: the thing has come to this version, and nobody has stored it since
 *
 *   read      one MGET for all keys that are asked for together
 *   store     what was loaded, unless a newer entry or mark is there: what comes late brings nothing old back
 *   outdate   a mark for what has changed; sent again until Redis takes it
 *
 * Whoever hears of changes tells them by `outdate`. Each process also remembers what it was told (see Floors), and believes
 * nothing older, whatever Redis has: what it tells holds for itself at once, and a Redis that has lost a mark, or was
 * started with old data, fools only a process that was not there at the change; that, for the life of an entry at most.
 */
import { type CacheClock, monotonicClock } from './clock.ts'
import { CLOSED } from './errors.ts'
import { Floors } from './floors.ts'
import type { RedisLevelOptions } from './options.ts'
import { type RedisClient, RedisLine } from './redis-line.ts'
import { SETTLE } from './redis-scripts.ts'
import type { CacheSignal } from './signals.ts'

/** Options of {@link createSharedEntries}. */
export interface SharedEntriesOptions extends Pick<RedisLevelOptions, 'timeoutMs' | 'failures' | 'restMs'> {
  /** In front of every key, one per installation. */
  readonly prefix: string
  /** How long an entry lives, in milliseconds; it is a safety net. 1 000 – 3 600 000; default 300 000. */
  readonly lifeMs?: number
}

/** What shared entries stand on. */
export interface SharedEntriesDeps {
  readonly redis: RedisClient
  /** Default: the time since the process started. */
  readonly clock?: CacheClock
  /** Told what happens with Redis. Default: nobody. */
  readonly observe?: (signal: CacheSignal) => void
}

/** An entry as it is stored. */
export interface SharedEntry {
  readonly key: string
  /** 0 – 2^53. */
  readonly version: number
  /** Up to 64 KiB; a longer one is not stored. */
  readonly text: string
}

/** See {@link createSharedEntries}. */
export interface SharedEntries extends AsyncDisposable {
  /**
   * The texts under these keys, null for what is not there or not to be believed; nothing at all when Redis does not answer
   * in time or is left alone. Never rejects.
   *
   * @param keys up to 1 000
   */
  read(keys: readonly string[]): Promise<readonly (string | null)[]>
  /** Stores what was loaded, up to 1 000. It goes on after it returns. */
  store(entries: readonly SharedEntry[]): void
  /** What is under the key has come to this version: no older one is believed from now on, by no process as soon as Redis knows. */
  outdate(key: string, version: number): void
  /** Resolves when everything that was begun has been sent or given up. */
  settled(): Promise<void>
}

const LIFE_MS = 300_000
const LONGEST_TEXT = 65_536
const MARKS_AT_ONCE = 500
/** Of those that Redis has not taken, the oldest are given up: then entries live on for their time. */
const MARKS_WAITING = 100_000

/**
 * Opens entries that processes share.
 *
 * @throws RangeError when the life is out of range
 */
export function createSharedEntries(options: SharedEntriesOptions, deps: SharedEntriesDeps): SharedEntries {
  const { failures = 5, lifeMs = LIFE_MS, prefix, restMs = 1_000, timeoutMs = 50 } = options
  if (!(Number.isInteger(lifeMs) && lifeMs >= 1_000 && lifeMs <= 3_600_000)) {
    throw new RangeError(`createSharedEntries: lifeMs must be from 1000 to 3600000 (got ${String(lifeMs)})`)
  }
  const { clock = monotonicClock, observe = () => undefined, redis } = deps
  const line = new RedisLine(redis, { failures, restMs, timeoutMs }, clock, observe)
  return new RedisEntries(line, { lifeMs, prefix, restMs }, clock)
}

interface Settings {
  readonly lifeMs: number
  readonly prefix: string
  readonly restMs: number
}

class RedisEntries implements SharedEntries {
  readonly #line: RedisLine
  readonly #options: Settings
  readonly #clock: CacheClock
  readonly #floors: Floors
  readonly #closing = new AbortController()
  readonly #working = new Set<Promise<unknown>>()
  /** Versions that Redis has not been told of. */
  #marks = new Map<string, number>()
  #marking = false

  constructor(line: RedisLine, options: Settings, clock: CacheClock) {
    this.#line = line
    this.#options = options
    this.#clock = clock
    this.#floors = new Floors(clock, options.lifeMs)
  }

  async read(keys: readonly string[]): Promise<readonly (string | null)[]> {
    if (keys.length === 0) return []
    let found: readonly (Buffer | null)[]
    try {
      found = (await this.#line.call('MGET', keys.map(this.#nameOf))) as (Buffer | null)[]
    } catch {
      return []
    }
    return keys.map((key, index) => this.#textOf(key, found[index] ?? null))
  }

  store(entries: readonly SharedEntry[]): void {
    const current = entries.filter(
      ({ key, text, version }) => text.length <= LONGEST_TEXT && version >= this.#floors.of(key),
    )
    if (current.length === 0 || !this.#line.open) return
    const texts = current.map(({ key, text, version }) => [key, version, `${version}\n${text}`] as const)
    // What is not stored is loaded again.
    this.#work(this.#settle(texts).catch(() => undefined))
  }

  outdate(key: string, version: number): void {
    if (!this.#floors.raise(key, version)) return
    this.#marks.delete(key)
    this.#marks.set(key, version)
    for (const [oldest] of this.#marks) {
      if (this.#marks.size <= MARKS_WAITING) break
      this.#marks.delete(oldest)
    }
    if (!this.#marking) this.#work(this.#mark())
  }

  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working)
  }

  /** Waits for what was begun, each within its time limit. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(CLOSED)
    await this.settled()
    this.#line.close()
  }

  readonly #nameOf = (key: string): string => this.#options.prefix + key

  #textOf(key: string, held: Buffer | null): string | null {
    if (held === null) return null
    const end = held.indexOf(0x0a)
    const version = held.toString('latin1', 0, Math.max(0, end))
    // A mark has no text.
    return /^\d+$/.test(version) && Number(version) >= this.#floors.of(key) ? held.toString('utf8', end + 1) : null
  }

  /** Those that are told of in one turn go together; what Redis does not take is sent again, now and then. */
  async #mark(): Promise<void> {
    this.#marking = true
    await Promise.resolve()
    while (this.#marks.size > 0) {
      const some = [...this.#marks].slice(0, MARKS_AT_ONCE)
      try {
        await this.#settle(some.map(([key, version]) => [key, version, String(version)]))
        for (const [key, version] of some) if (this.#marks.get(key) === version) this.#marks.delete(key)
      } catch {
        if (this.#closing.signal.aborted) break
        await this.#clock.sleep(this.#options.restMs, this.#closing.signal).catch(() => undefined)
      }
    }
    this.#marking = false
  }

  #settle(texts: readonly (readonly [key: string, version: number, text: string])[]): Promise<unknown> {
    const args = texts.flatMap(([, version, text]) => [version, text])
    return this.#line.run(
      SETTLE,
      texts.map(([key]) => this.#nameOf(key)),
      [this.#options.lifeMs, ...args],
    )
  }

  #work(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.#working.delete(tracked))
    this.#working.add(tracked)
  }
}
