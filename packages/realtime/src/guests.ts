/*
 * Everybody who is connected, by WebSocket or stream: how many there may be, how fast they may come, and what has to be
 * looked after as time goes by. There is one timer for all of them: it goes once a second, and looks after a part of the
 * guests each time.
 */
import type { Principal } from '@stoa/http'
import { type Clock, type Logger, type Repeating, repeat } from '@stoa/kernel'
import { createMemoryStore, type MemoryStore, takeToken } from '@stoa/limiter'
import type { RealtimeConfig } from './options.ts'
import type { CloseCode } from './protocol.ts'

/** Somebody who is connected. */
export interface Guest {
  /** null: it has not said who it is. */
  readonly principal: Principal | null
  /** When it came, by the clock of the guests. */
  readonly sinceMs: number
  /** Waiting to be sent, in bytes. */
  readonly bufferedBytes: number
  /** How often `beat` is called, in milliseconds. */
  readonly beatMs: number
  /** The guests' own: with whom it is looked after. */
  slot: string
  /** Time has passed: says something, and looks whether the other side is there. */
  beat(): void
  /** Asks again who it is and what it may. */
  recheck(): Promise<void>
  /** Ends it. `retryMs`: when to come back. */
  shut(code: CloseCode, retryMs: number | null): void
}

/** Why somebody is not let in. */
export interface Refusal {
  readonly code: CloseCode
  /** When to come back, in milliseconds. */
  readonly retryMs: number
}

/** What became of those who came. */
export interface GuestCounts {
  opened: number
  closed: number
  /** Told to come back later. */
  refused: number
}

const SECOND_MS = 1_000

/** Who is connected. */
export class Guests implements AsyncDisposable {
  readonly counts: GuestCounts = { opened: 0, closed: 0, refused: 0 }
  readonly #config: RealtimeConfig
  readonly #clock: Clock
  readonly #log: Logger
  readonly #all = new Set<Guest>()
  /** By the second of their beat: `<period> <second>`. */
  readonly #slots = new Map<string, Set<Guest>>()
  readonly #byTenant = new Map<string, number>()
  readonly #unknown = new Set<Guest>()
  readonly #ending = new Set<Guest>()
  /** Those who may less at a time that is known. */
  readonly #lessening = new Set<Guest>()
  readonly #buckets: MemoryStore
  readonly #timer: Repeating
  #seconds = 0
  #draining = false

  constructor(config: RealtimeConfig, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#config = config
    this.#clock = clock
    this.#log = log
    this.#buckets = createMemoryStore({ maxBuckets: 16, clock: () => clock.now() })
    this.#timer = repeat(async () => this.#tick(), {
      clock,
      everyMs: SECOND_MS,
      onError: (err) => log.error({ err }, 'connections could not be looked after'),
    })
  }

  get size(): number {
    return this.#all.size
  }

  get unknown(): number {
    return this.#unknown.size
  }

  /** Waiting to be sent to all of them, in bytes. */
  get bufferedBytes(): number {
    let sum = 0
    for (const guest of this.#all) sum += guest.bufferedBytes
    return sum
  }

  get isDraining(): boolean {
    return this.#draining
  }

  /** A moment to come back at, so that not all come at once. */
  jitterMs(atLeastMs = 0): number {
    return atLeastMs + Math.random() * this.#config.spreadMs
  }

  /** Whether one more may come in; if so, `add` it now. null: it may. */
  refusal(principal: Principal | null): Refusal | null {
    const refusal = this.#refusal(principal)
    if (refusal) this.counts.refused += 1
    return refusal
  }

  #refusal(principal: Principal | null): Refusal | null {
    const { admitBurst, admitPerSecond, maxConnections, maxUnknown } = this.#config
    if (this.#draining) return { code: 'draining', retryMs: this.jitterMs() }
    if (this.#all.size >= maxConnections) return { code: 'overloaded', retryMs: this.jitterMs(SECOND_MS) }
    if (principal === null && this.#unknown.size >= maxUnknown) {
      return { code: 'overloaded', retryMs: this.jitterMs(SECOND_MS) }
    }
    if (principal !== null && this.isFull(principal))
      return { code: 'too_many_connections', retryMs: this.jitterMs(SECOND_MS) }
    const limit = { capacity: admitBurst, refillPerSecond: admitPerSecond }
    const { allowed, retryAfterMs } = takeToken(this.#buckets, 'admission', limit)
    return allowed ? null : { code: 'overloaded', retryMs: this.jitterMs(retryAfterMs) }
  }

  /** Whether its tenant has as many connections as it may. */
  isFull({ tenant }: Principal): boolean {
    return (this.#byTenant.get(tenant.id) ?? 0) >= this.#config.maxConnectionsPerTenant
  }

  add(guest: Guest): void {
    this.#all.add(guest)
    this.counts.opened += 1
    const periods = Math.max(1, Math.round(guest.beatMs / SECOND_MS))
    const slot = `${periods} ${this.counts.opened % periods}`
    guest.slot = slot
    const others = this.#slots.get(slot)
    if (others) others.add(guest)
    else this.#slots.set(slot, new Set([guest]))
    if (guest.principal === null) this.#unknown.add(guest)
    else this.known(guest, guest.principal)
  }

  /** A guest has said who it is. */
  known(guest: Guest, principal: Principal): void {
    this.#unknown.delete(guest)
    const { id } = principal.tenant
    this.#byTenant.set(id, (this.#byTenant.get(id) ?? 0) + 1)
    this.ends(guest, principal)
  }

  /** When its credentials end, or what it may. Of one who left while it was looked at, nothing is noted. */
  ends(guest: Guest, { expiresAtMs, rightsEndAtMs }: Principal): void {
    const isHere = this.#all.has(guest)
    if (expiresAtMs === undefined || !isHere) this.#ending.delete(guest)
    else this.#ending.add(guest)
    if (rightsEndAtMs === undefined || !isHere) this.#lessening.delete(guest)
    else this.#lessening.add(guest)
  }

  remove(guest: Guest): void {
    if (!this.#all.delete(guest)) return
    this.counts.closed += 1
    this.#slots.get(guest.slot)?.delete(guest)
    this.#unknown.delete(guest)
    this.#ending.delete(guest)
    this.#lessening.delete(guest)
    if (guest.principal === null) return
    const { id } = guest.principal.tenant
    const left = (this.#byTenant.get(id) ?? 1) - 1
    if (left > 0) this.#byTenant.set(id, left)
    else this.#byTenant.delete(id)
  }

  /** Looks at once at those who are this actor, or act for it: it was changed. */
  actorChanged(actorId: string): void {
    for (const guest of this.#all) {
      const { actor, owner } = guest.principal ?? {}
      if (actor?.id === actorId || owner?.id === actorId) this.#recheck(guest)
    }
  }

  /** Looks at once at everybody of a tenant: what somebody may there was changed. */
  tenantChanged(tenantId: string): void {
    for (const guest of this.#all) if (guest.principal?.tenant.id === tenantId) this.#recheck(guest)
  }

  /** Sends everybody away, each to come back at another moment, and lets nobody in any more. */
  drain(): void {
    this.#draining = true
    for (const guest of [...this.#all]) guest.shut('draining', this.jitterMs())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#timer[Symbol.asyncDispose]()
  }

  #tick(): void {
    this.#seconds += 1
    const nowMs = this.#clock.now()
    for (const guest of [...this.#ending]) {
      if ((guest.principal?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs) guest.shut('unauthenticated', null)
    }
    for (const guest of [...this.#lessening]) {
      if ((guest.principal?.rightsEndAtMs ?? Number.POSITIVE_INFINITY) > nowMs) continue
      // Once: who cannot be asked now is asked again with all others.
      this.#lessening.delete(guest)
      this.#recheck(guest)
    }
    for (const guest of [...this.#unknown]) {
      if (nowMs - guest.sinceMs >= this.#config.authTimeoutMs) guest.shut('timeout', null)
    }
    for (const [slot, guests] of this.#slots) {
      const [periods = 1, second = 0] = slot.split(' ').map(Number)
      if (this.#seconds % periods !== second) continue
      for (const guest of [...guests]) this.#lookAfter(guest)
    }
  }

  #lookAfter(guest: Guest): void {
    guest.beat()
    const every = Math.max(1, Math.round(this.#config.recheckMs / guest.beatMs))
    if (guest.principal !== null && Math.floor((this.#seconds * SECOND_MS) / guest.beatMs) % every === 0) {
      this.#recheck(guest)
    }
  }

  #recheck(guest: Guest): void {
    guest.recheck().catch((err: unknown) => this.#log.warn({ err }, 'a connection could not be looked at again'))
  }
}
