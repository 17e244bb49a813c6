/*
 * Who waits in this process for jobs to claim by a lease. All of them together ask the database once for each hint, and
 * once a second: waiting holds no connection and no transaction, and a thousand who wait cost what one does. As many are
 * woken as there are jobs, who came first first. What those claim who were just woken is not counted as there, until
 * they have it: else a job that is being claimed would wake everybody else.
 */
import type { Database } from '@stoa/db'
import { Alarm, type BaseCtx, backoffMs, systemClock } from '@stoa/kernel'
import { kindsReady, type WantedKind } from './lease-store.ts'
import type { QueueSignal } from './signals.ts'

/** What waiting needs. */
export interface LeaseWaitDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  /** How often to look without a hint, in milliseconds. Default 1 s. */
  readonly pollMs?: number
  observe(signal: QueueSignal): void
}

/** What somebody waits for. */
export interface LeaseWait {
  readonly tenantId: string
  readonly kinds: readonly string[]
  /** How many jobs he takes. */
  readonly count: number
  /** Names the claim. Default: nothing does. */
  readonly claim?: string | null
}

const POLL_MS = 1_000
/** Somebody else was claiming what one was woken for: one looks again a moment later. */
const AGAIN_MS = 50
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

interface Waiter extends LeaseWait {
  end(woken: Woken | null): void
}

/** Jobs that a waiter may claim. */
interface Woken {
  readonly kind: string
  readonly count: number
}

/** Those who wait. */
export class LeaseWaits implements AsyncDisposable {
  readonly #deps: LeaseWaitDeps
  readonly #alarm = new Alarm()
  readonly #waiters = new Set<Waiter>()
  /** Jobs that are being claimed by those who were woken, by tenant and kind. */
  readonly #claiming = new Map<string, number>()
  readonly #closing = new AbortController()
  #looking: Promise<void> | null = null

  constructor(deps: LeaseWaitDeps) {
    this.#deps = deps
  }

  /** Jobs may be there to claim. */
  hint(): void {
    if (this.#waiters.size > 0) this.#alarm.ring()
  }

  /**
   * Waits until there is something to claim, and claims it.
   *
   * @param claim claims jobs of a kind; when somebody else was faster, it is waited on
   * @returns nothing when the time is over, when the signal aborts, and when the queue closes
   */
  async take<T>(
    wanted: LeaseWait,
    ms: number,
    signal: AbortSignal | null,
    claim: (kind: string) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const until = performance.now() + ms
    for (;;) {
      const woken = await this.#woken(wanted, until - performance.now(), signal)
      if (woken === null) return []
      const key = keyOf(wanted.tenantId, woken.kind)
      this.#count(key, woken.count)
      let taken: readonly T[] = []
      try {
        taken = await claim(woken.kind)
        if (taken.length > 0) return taken
      } finally {
        this.#count(key, -woken.count)
        setTimeout(() => this.#alarm.ring(), taken.length > 0 ? 0 : AGAIN_MS).unref()
      }
    }
  }

  /** What this claim was given is known: whoever waits for it again waits no longer. */
  answered(tenantId: string, claim: string): void {
    for (const waiter of this.#waiters) {
      if (waiter.claim === claim && waiter.tenantId === tenantId) waiter.end(null)
    }
  }

  /** Everybody stops to wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    for (const waiter of this.#waiters) waiter.end(null)
    this.#alarm.ring()
    await this.#looking
  }

  async #woken(wanted: LeaseWait, ms: number, signal: AbortSignal | null): Promise<Woken | null> {
    if (ms <= 0 || signal?.aborted || this.#closing.signal.aborted) return null
    const { promise, resolve } = Promise.withResolvers<Woken | null>()
    const waiter = { ...wanted, end: resolve }
    const leave = () => resolve(null)
    const timer = setTimeout(leave, ms)
    signal?.addEventListener('abort', leave, { once: true })
    this.#waiters.add(waiter)
    this.#alarm.ring()
    this.#looking ??= this.#look()
    try {
      return await promise
    } finally {
      this.#waiters.delete(waiter)
      clearTimeout(timer)
      signal?.removeEventListener('abort', leave)
    }
  }

  async #look(): Promise<void> {
    const { ctx, db, observe, pollMs = POLL_MS } = this.#deps
    const { signal } = this.#closing
    for (let failures = 0; this.#waiters.size > 0 && !signal.aborted; ) {
      await this.#alarm.wait(systemClock, pollMs * (0.8 + Math.random() * 0.4))
      const wanted = this.#wanted()
      if (wanted.length === 0) continue
      const columns = [
        wanted.map(({ tenantId }) => tenantId),
        wanted.map(({ kind }) => kind),
        wanted.map(({ count }) => count),
      ] as const
      try {
        this.#wake(await db.systemRead(ctx, (tx) => tx.many(kindsReady(...columns))))
        failures = 0
      } catch (error) {
        observe({ kind: 'failed', what: 'leases', error })
        await systemClock.sleep(backoffMs(failures++, RETRY_MIN_MS, RETRY_MAX_MS), signal).catch(() => undefined)
      }
    }
    this.#looking = null
  }

  #wanted(): readonly WantedKind[] {
    const wanted = new Map<string, { tenantId: string; kind: string; count: number }>()
    for (const { count, kinds, tenantId } of this.#waiters) {
      for (const kind of kinds) {
        const key = keyOf(tenantId, kind)
        const before = wanted.get(key)?.count ?? this.#claiming.get(key) ?? 0
        wanted.set(key, { tenantId, kind, count: before + count })
      }
    }
    return [...wanted.values()]
  }

  #wake(ready: readonly WantedKind[]): void {
    const left = new Map<string, number>()
    for (const { count, kind, tenantId } of ready) {
      const key = keyOf(tenantId, kind)
      left.set(key, count - (this.#claiming.get(key) ?? 0))
    }
    for (const waiter of this.#waiters) {
      const kind = waiter.kinds.find((one) => (left.get(keyOf(waiter.tenantId, one)) ?? 0) > 0)
      if (kind === undefined) continue
      const key = keyOf(waiter.tenantId, kind)
      const there = left.get(key) ?? 0
      const count = Math.min(there, waiter.count)
      left.set(key, there - count)
      this.#waiters.delete(waiter)
      waiter.end({ kind, count })
    }
  }

  #count(key: string, change: number): void {
    const count = (this.#claiming.get(key) ?? 0) + change
    if (count > 0) this.#claiming.set(key, count)
    else this.#claiming.delete(key)
  }
}

function keyOf(tenantId: string, kind: string): string {
  return `${tenantId} ${kind}`
}
