import { type Clock, systemClock } from './clock.ts'
import type { Logger } from './logger.ts'

/** Less often than it is tried, often enough that the last minutes of a log tell of it. */
const AGAIN_MS = 60_000

/** What {@link OutageLog} says. */
export interface OutageWords {
  /** `Redis: the connection for limits is away`; followed by the error, with its stack. */
  readonly away: string
  /** Each minute for as long as it lasts; followed by the reason, and how often it has failed. */
  readonly still: string
  /** `Redis: the connection for limits is back`. */
  readonly back: string
}

/**
 * Tells of something that goes away and comes back, however often it is tried meanwhile: once when it goes, once a
 * minute without a stack while it is away, once when it is back. One that comes and goes all the time is told of once a
 * minute, too: the next time that it goes is told of when the minute is over, if it is away or goes again then.
 *
 * All are warnings: whoever sees that it is away must see that it is back.
 */
export class OutageLog {
  readonly #words: OutageWords
  readonly #log: Logger
  readonly #clock: Clock
  #awaySince: number | null = null
  #failures = 0
  /** Whether the last that the log says is that it is away. */
  #told = false
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(words: OutageWords, deps: { readonly log: Logger; readonly clock?: Clock }) {
    this.#words = words
    this.#log = deps.log
    this.#clock = deps.clock ?? systemClock
  }

  /** It was tried, and failed. */
  failed(err: unknown): void {
    const now = this.#clock.now()
    this.#awaySince ??= now
    this.#failures += 1
    // A clock that was set back is no reason to be silent for long.
    if (Math.abs(now - this.#toldAt) < AGAIN_MS) return
    this.#toldAt = now
    if (!this.#told) this.#log.warn({ err }, this.#words.away)
    else this.#log.warn({ reason: reasonOf(err), ...this.#lasted(now) }, this.#words.still)
    this.#told = true
  }

  /** It was tried, and worked. Costs nothing while it was not away. */
  worked(): void {
    if (this.#awaySince === null) return
    const lasted = this.#lasted(this.#clock.now())
    this.#awaySince = null
    this.#failures = 0
    if (!this.#told) return
    this.#told = false
    this.#log.warn(lasted, this.#words.back)
  }

  #lasted(now: number) {
    const ms = Math.max(0, now - (this.#awaySince ?? now))
    return { failures: this.#failures, awaySeconds: Math.round(ms / 1000) }
  }
}

/** A host of several addresses of which none answers has an error without a message. */
function reasonOf(err: unknown): string {
  const { code, message } = (err ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  return String(message || code || err)
}
