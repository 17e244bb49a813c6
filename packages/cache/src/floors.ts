import type { CacheClock } from './clock.ts'

const REMEMBERED = 50_000

/**
 * The least versions of things that are believed. Each is remembered for `lifeMs` at least: in two halves, of which the older
 * one is forgotten when the younger one is old; or full, so that memory has a bound.
 */
export class Floors {
  readonly #clock: CacheClock
  readonly #lifeMs: number
  #young = new Map<string, number>()
  #old = new Map<string, number>()
  #since: number

  constructor(clock: CacheClock, lifeMs: number) {
    this.#clock = clock
    this.#lifeMs = lifeMs
    this.#since = clock.now()
  }

  /** 0 when there is none. */
  of(key: string): number {
    return this.#young.get(key) ?? this.#old.get(key) ?? 0
  }

  /** @returns whether it was lower */
  raise(key: string, version: number): boolean {
    if (this.of(key) >= version) return false
    const now = this.#clock.now()
    // Before it grows old: a step back of the clock must not keep things for ever.
    if (this.#young.size >= REMEMBERED || now - this.#since >= this.#lifeMs || now < this.#since) {
      this.#old = this.#young
      this.#young = new Map()
      this.#since = now
    }
    this.#young.set(key, version)
    return true
  }
}
