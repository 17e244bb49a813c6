/*
 * Refusals that are still true. A bucket that could not pay says how long it takes until it can; until then the answer
 * is known, and the store is not asked: who hammers costs nothing but memory of this process, and of that a bounded
 * amount.
 *
 * The time runs from when the store was asked, not from its answer, so nobody is refused longer than the bucket would.
 * What else may free a caller (a refund on another node) is learnt when the time is over.
 */
import type { Decision, Limit } from './bucket.ts'

interface Denial {
  /** What could not be paid. */
  readonly cost: number
  readonly limit: Limit
  /** When it can be. */
  readonly untilMs: number
}

/** Remembered refusals, by key. */
export class Denials {
  readonly #denials = new Map<string, Denial>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#denials.size
  }

  /** Remembers a refusal. `askedMs` is when the store was asked. */
  note(key: string, cost: number, limit: Limit, decision: Decision, askedMs: number): void {
    if (this.#max === 0 || !(decision.retryAfterMs > 0 && decision.retryAfterMs < Number.POSITIVE_INFINITY)) return
    this.#denials.delete(key)
    if (this.#denials.size >= this.#max) this.#dropOldest()
    this.#denials.set(key, { cost, limit, untilMs: askedMs + decision.retryAfterMs })
  }

  /** The refusal that a call would get, when that is known; else null. */
  of(key: string, cost: number, limit: Limit, nowMs: number): Decision | null {
    if (this.#denials.size === 0) return null
    const denial = this.#denials.get(key)
    if (denial === undefined) return null
    const { capacity, refillPerSecond } = limit
    const same = denial.limit.capacity === capacity && denial.limit.refillPerSecond === refillPerSecond
    if (nowMs >= denial.untilMs || !same) {
      this.#denials.delete(key)
      return null
    }
    if (cost < denial.cost) return null
    const perMs = refillPerSecond / 1000
    const waitMs = denial.untilMs - nowMs
    return {
      allowed: false,
      remaining: Math.max(0, Math.floor(denial.cost - waitMs * perMs)),
      limit: capacity,
      resetAfterMs: Math.ceil(waitMs + (capacity - denial.cost) / perMs),
      retryAfterMs: cost > capacity ? Number.POSITIVE_INFINITY : Math.ceil(waitMs + (cost - denial.cost) / perMs),
    }
  }

  /** Forgets the refusals of a key: something was given back. */
  forget(key: string): void {
    this.#denials.delete(key)
  }

  #dropOldest(): void {
    const [oldest] = this.#denials.keys()
    if (oldest !== undefined) this.#denials.delete(oldest)
  }
}
