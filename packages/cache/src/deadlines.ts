import type { CacheClock } from './clock.ts'
import { CLOSED } from './errors.ts'

interface Waiting {
  readonly since: number
  readonly due: number
  expire(): void
}

/**
 * One time limit for many waits. They all have the same length, so they end in the order in which they began, and one
 * timer watches the oldest: a wait that ends in time costs no timer of its own.
 */
export class Deadlines {
  readonly #clock: CacheClock
  readonly #limitMs: number
  readonly #waiting = new Set<Waiting>()
  readonly #closing = new AbortController()
  #watching = false

  constructor(clock: CacheClock, limitMs: number) {
    this.#clock = clock
    this.#limitMs = limitMs
  }

  /**
   * The outcome of `work`, or a rejection with `late()` when it takes longer than the limit. The work itself goes on.
   */
  race<T>(work: Promise<T>, late: () => Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const since = this.#clock.now()
      const waiting: Waiting = { since, due: since + this.#limitMs, expire: () => reject(late()) }
      this.#waiting.add(waiting)
      const done = () => this.#waiting.delete(waiting)
      work.then(
        (value) => {
          done()
          resolve(value)
        },
        (error: unknown) => {
          done()
          reject(error)
        },
      )
      if (!this.#watching) void this.#watch()
    })
  }

  /** Ends the timer. Waits that are under way have no limit any more. */
  close(): void {
    this.#closing.abort(CLOSED)
  }

  async #watch(): Promise<void> {
    this.#watching = true
    for (let oldest = this.#oldest(); oldest !== undefined && !this.#closing.signal.aborted; oldest = this.#oldest()) {
      const now = this.#clock.now()
      // A clock that was set back must not make anybody wait for it.
      if (now >= oldest.due || now < oldest.since) {
        this.#waiting.delete(oldest)
        oldest.expire()
      } else {
        await this.#clock.sleep(oldest.due - now, this.#closing.signal).catch(() => undefined)
      }
    }
    this.#watching = false
  }

  #oldest(): Waiting | undefined {
    const [oldest] = this.#waiting
    return oldest
  }
}
