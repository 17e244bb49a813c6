/*
 * Tokens that this node took in advance, a few per key, and spends without a call.
 *
 *   none ──take of cost + k──▶ held ──spent──▶ held ──too few──▶ take of what is missing + k
 *                               └── not spent within leaseMs ──▶ given back
 *
 * At most k tokens per key and node are held when nobody waits, so in any time T all nodes together let at most
 * `capacity + refillPerSecond × T + nodes × k` pass, and a caller may be refused although other nodes hold up to k
 * tokens each for it.
 *
 * Only one call per key is under way: who comes meanwhile waits for its answer, and what they want is asked for with
 * the next one. A lease that goes fast is filled up when half of it is spent, so that nobody waits as long as the other
 * half lasts.
 */
import type { Ask } from './policy.ts'

interface Lease {
  /** Who took it last, by which limit. */
  ask: Ask
  tokens: number
  /** Whole tokens that the store had left when it was asked last. */
  storeLeft: number
  /** When it was, in milliseconds. */
  grantedMs: number
  /**
   * With so many tokens left it is filled up; −1: it is spent first, because the store had nothing when it was asked
   * last.
   */
  fillsUpAt: number
  /** Tokens that those want who wait for the call. */
  wanted: number
  /** The call under way. */
  pending: Promise<void> | null
  finish: () => void
}

/** Who spends half a lease in this time, in milliseconds, will soon have spent all of it. */
const SOON_MS = 100

/** Gives tokens back to the store. */
type GiveBack = (ask: Ask, tokens: number) => void

/** The leases of this node, by key. */
export class Leases {
  readonly #leases = new Map<string, Lease>()
  readonly #max: number
  readonly #clock: () => number
  readonly #giveBack: GiveBack
  #timer: NodeJS.Timeout | null = null

  constructor(max: number, clock: () => number, giveBack: GiveBack) {
    this.#max = max
    this.#clock = clock
    this.#giveBack = giveBack
  }

  get size(): number {
    return this.#leases.size
  }

  /** Tokens at hand. */
  tokens(key: string): number {
    return this.#leases.get(key)?.tokens ?? 0
  }

  /** What is left in all, as far as this node knows. */
  left(key: string): number {
    const lease = this.#leases.get(key)
    return lease === undefined ? 0 : Math.floor(lease.tokens) + lease.storeLeft
  }

  /** Takes the whole cost when it is at hand; else nothing. */
  pays(key: string, cost: number): boolean {
    const lease = this.#leases.get(key)
    if (lease === undefined || lease.tokens < cost) return false
    lease.tokens -= cost
    return true
  }

  /** Whether it is time to fill up: half of it went fast, and no call is under way. */
  runsOut(key: string): boolean {
    const lease = this.#leases.get(key)
    if (lease === undefined || lease.tokens > lease.fillsUpAt || lease.pending !== null) return false
    return this.#clock() - lease.grantedMs < SOON_MS
  }

  /** Takes tokens that are at hand. */
  spend(key: string, tokens: number): void {
    const lease = this.#leases.get(key)
    if (lease !== undefined) lease.tokens = Math.max(0, lease.tokens - tokens)
  }

  /** Puts back what was spent for a call that was then refused. */
  unspend(key: string, tokens: number, ask: Ask): void {
    const lease = this.#leases.get(key)
    if (lease !== undefined) lease.tokens += tokens
    else this.#giveBack(ask, tokens)
  }

  /**
   * The call under way for this key, to wait for; null when there is none. Whoever waits says what it
   * {@link want wants} meanwhile.
   */
  pending(key: string): Promise<void> | null {
    return this.#leases.get(key)?.pending ?? null
  }

  /** Tokens that somebody begins (or, below 0, ceases) to wait for. */
  want(key: string, tokens: number): void {
    const lease = this.#leases.get(key)
    if (lease !== undefined) lease.wanted += tokens
  }

  /** Begins the one call for this key. Gives what those want who wait for it. */
  begin(key: string, ask: Ask): number {
    let lease = this.#leases.get(key)
    if (lease === undefined) {
      lease = newLease(ask)
      this.#makeRoom()
      this.#leases.set(key, lease)
    }
    lease.ask = ask
    const { promise, resolve } = Promise.withResolvers<void>()
    lease.pending = promise
    lease.finish = resolve
    return lease.wanted
  }

  /** Ends the call. `extra` tokens came beyond what it was for; null when it failed. */
  end(key: string, extra: number | null, storeLeft: number): void {
    const lease = this.#leases.get(key)
    if (lease === undefined) return
    if (extra !== null) {
      lease.tokens += extra
      // What a crowd was given beyond a lease is spent first.
      const { limit, policy } = lease.ask
      lease.fillsUpAt = extra > 0 ? Math.floor(Math.min(lease.tokens, policy.leaseTokensOf(limit)) / 2) : -1
      lease.storeLeft = storeLeft
    }
    lease.grantedMs = this.#clock()
    lease.pending = null
    lease.finish()
    // The latest grant goes to the end, so that the first ones are the first to be given back.
    this.#leases.delete(key)
    if (lease.tokens > 0 || lease.wanted > 0) this.#leases.set(key, lease)
    this.#schedule()
  }

  /** Gives back what was not spent in time; with `all`, everything at hand. */
  giveBackIdle(all = false): void {
    const nowMs = this.#clock()
    for (const [key, lease] of this.#leases) {
      if (lease.pending !== null || lease.wanted > 0) continue
      if (!all && nowMs - lease.grantedMs < lease.ask.policy.settings.leaseMs) continue
      this.#leases.delete(key)
      if (lease.tokens > 0) this.#giveBack(lease.ask, lease.tokens)
    }
  }

  /** Ends the timer, and gives back everything at hand. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.giveBackIdle(true)
  }

  #makeRoom(): void {
    if (this.#leases.size < this.#max) return
    for (const [key, lease] of this.#leases) {
      if (lease.pending !== null || lease.wanted > 0) continue
      this.#leases.delete(key)
      if (lease.tokens > 0) this.#giveBack(lease.ask, lease.tokens)
      return
    }
  }

  /** Looks for idle leases as long as there are some. */
  #schedule(): void {
    if (this.#timer !== null || this.#leases.size === 0) return
    const [lease] = this.#leases.values()
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.giveBackIdle()
      this.#schedule()
    }, lease?.ask.policy.settings.leaseMs ?? 1000)
    this.#timer.unref()
  }
}

function newLease(ask: Ask): Lease {
  const finish = () => undefined
  return { ask, tokens: 0, storeLeft: 0, grantedMs: 0, fillsUpAt: -1, wanted: 0, pending: null, finish }
}
