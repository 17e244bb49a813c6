import type { CacheClock } from './clock.ts'
import { Deadlines } from './deadlines.ts'
import { type EntryOptions, type Terms, termsOf } from './entry-options.ts'
import { CacheLoadTimeout } from './errors.ts'
import type { ResolvedOptions } from './options.ts'
import type { CacheSignal } from './signals.ts'
import { type Content, contentOf, freeze } from './value.ts'

/** What a load is given. */
export interface Loading {
  /** Aborts when the load takes too long. One caller who gives up does not end a load that others wait for. */
  readonly signal: AbortSignal
}

/** A value that was loaded. */
export interface Loaded {
  readonly value: unknown
  readonly spentMs: number
  readonly terms: Terms
  /** Null: it cannot or must not be stored. */
  readonly content: Content | null
}

/** Runs loads, each within the time limit. */
export class Loads {
  readonly #options: ResolvedOptions
  readonly #clock: CacheClock
  readonly #observe: (signal: CacheSignal) => void
  readonly #deadlines: Deadlines

  constructor(options: ResolvedOptions, clock: CacheClock, observe: (signal: CacheSignal) => void) {
    this.#options = options
    this.#clock = clock
    this.#observe = observe
    this.#deadlines = new Deadlines(clock, options.loadTimeoutMs)
  }

  /** @throws what `load` throws; CacheLoadTimeout; what the functions of the options throw */
  async run(
    load: (loading: Loading) => Promise<unknown>,
    options: EntryOptions<unknown>,
    background: boolean,
  ): Promise<Loaded> {
    const { loadTimeoutMs } = this.#options
    const stop = new AbortController()
    const startedAt = this.#clock.now()
    try {
      const loading = (async () => load({ signal: stop.signal }))()
      const value = await this.#deadlines.race(loading, () => new CacheLoadTimeout(loadTimeoutMs))
      const spentMs = Math.max(0, this.#clock.now() - startedAt)
      const terms = termsOf(value, options, this.#options)
      this.#observe({ kind: 'loaded', spentMs, background })
      return { value, spentMs, terms, content: terms.freshMs > 0 ? this.storable(value) : null }
    } catch (error) {
      stop.abort(error)
      this.#observe({ kind: 'load_failed', error, background })
      throw error
    }
  }

  /** What a value holds, after freezing it; null when it cannot be stored. */
  storable(value: unknown): Content | null {
    const content = contentOf(value, this.#options.maxValueBytes)
    if (typeof content === 'string') {
      this.#observe({ kind: 'unstorable', reason: content })
      return null
    }
    freeze(value)
    return content
  }

  /** No load has a time limit any more. */
  close(): void {
    this.#deadlines.close()
  }
}
