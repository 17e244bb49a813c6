import type { DropLog } from './drop-log.ts'

/** A value on its way. */
interface Flight<T> {
  readonly begun: number
  /** What it depends on, or while that is not known, a tag that every drop of the tenant notes. */
  readonly tags: readonly string[]
  readonly outcome: Promise<T>
}

/**
 * One flight per id. Whoever asks while one is under way waits for it, unless something that it depends on was dropped
 * since it began: who asks after a write must not be given what was read before it. Then a new one begins, and the old
 * one ends for those who wait for it.
 */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>()
  readonly #log: DropLog

  constructor(log: DropLog) {
    this.#log = log
  }

  /** How many values are on their way. */
  get size(): number {
    return this.#flights.size
  }

  /** Whether a value is on its way, outdated or not. */
  has(id: string): boolean {
    return this.#flights.has(id)
  }

  /** What to wait for; undefined when a new flight has to begin. */
  joinable(id: string): Promise<T> | undefined {
    const flight = this.#flights.get(id)
    if (flight === undefined) return undefined
    for (const tag of flight.tags) if (this.#log.droppedSince(tag, flight.begun)) return undefined
    return flight.outcome
  }

  /** Begins a flight, in the place of an outdated one. */
  begin(id: string, tags: readonly string[], fly: () => Promise<T>): Promise<T> {
    const begun = this.#log.now
    const outcome = fly().finally(() => {
      if (this.#flights.get(id) === flight) this.#flights.delete(id)
    })
    const flight: Flight<T> = { begun, tags, outcome }
    this.#flights.set(id, flight)
    // Nobody may be waiting: a refresh in the background, or callers who gave up.
    outcome.catch(() => undefined)
    return outcome
  }
}
