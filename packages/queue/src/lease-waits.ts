/*
 * Who waits in this process for jobs to claim by a lease. All of them together ask the database once for each hint, and
 * once a second: waiting holds no connection and no transaction, and a thousand who wait cost what one does. As many are
 * woken as there are jobs, who came first first; each then claims for itself, and waits on when somebody was faster.
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
}

const POLL_MS = 1_000
/** Somebody else was claiming what he was woken for: he looks again a moment later. */
const AGAIN_MS = 50
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

interface Waiter extends LeaseWait {
  end(woken: boolean): void
}

/** Those who wait. */
export class LeaseWaits implements AsyncDisposable {
  readonly #deps: LeaseWaitDeps
  readonly #alarm = new Alarm()
  readonly #waiters = new Set<Waiter>()
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
   * Waits until there may be something to claim.
   *
   * @param again whether it has been woken for nothing
   * @returns false when the time is over, when the signal aborts, and when the queue closes
   */
  async wait(wanted: LeaseWait, ms: number, signal: AbortSignal | null, again: boolean): Promise<boolean> {
    if (ms <= 0 || signal?.aborted || this.#closing.signal.aborted) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter = { ...wanted, end: resolve }
    const abort = () => resolve(false)
    const timers = [setTimeout(abort, ms), setTimeout(() => this.#alarm.ring(), again ? AGAIN_MS : 0)]
    signal?.addEventListener('abort', abort, { once: true })
    this.#waiters.add(waiter)
    this.#looking ??= this.#look()
    try {
      return await promise
    } finally {
      this.#waiters.delete(waiter)
      for (const timer of timers) clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Everybody stops to wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    for (const waiter of this.#waiters) waiter.end(false)
    this.#alarm.ring()
    await this.#looking
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
        wanted.set(key, { tenantId, kind, count: (wanted.get(key)?.count ?? 0) + count })
      }
    }
    return [...wanted.values()]
  }

  #wake(ready: readonly WantedKind[]): void {
    const left = new Map(ready.map(({ count, kind, tenantId }) => [keyOf(tenantId, kind), count]))
    for (const waiter of this.#waiters) {
      const found = waiter.kinds.map((kind) => keyOf(waiter.tenantId, kind)).find((key) => (left.get(key) ?? 0) > 0)
      if (found === undefined) continue
      left.set(found, (left.get(found) ?? 0) - waiter.count)
      this.#waiters.delete(waiter)
      waiter.end(true)
    }
  }
}

function keyOf(tenantId: string, kind: string): string {
  return `${tenantId} ${kind}`
}
