/*
 * Lets jobs pass that were not to be claimed yet: whose time has come, and whose key has a turn free. Every worker has
 * one; rows that another one is letting pass are passed over, and turns of a key are given under a lock of that key.
 */
import type { Database } from '@stoa/db'
import { Alarm, type BaseCtx, systemClock } from '@stoa/kernel'
import { plannedByIndex } from './job-store.ts'
import type { QueueSignal } from './signals.ts'
import {
  jobsDue,
  keysWaiting,
  nextDue,
  type TurnKey,
  turnsGiven,
  turnsLocked,
  uniquesExpired,
} from './waiting-store.ts'

/** What a gatekeeper needs. */
export interface GatekeeperDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly pollMs: number
  observe(signal: QueueSignal): void
  wake(lanes: Iterable<string>): void
}

const AT_ONCE = 1_000
const KEYS_AT_ONCE = 500
const RETRY_MS = 1_000
const EXPIRE_EVERY_MS = 60_000

/** The gate of a worker. */
export class Gatekeeper implements AsyncDisposable {
  readonly #deps: GatekeeperDeps
  readonly #alarm = new Alarm()
  readonly #closing = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #expiredAt = 0

  constructor(deps: GatekeeperDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running = this.#run()
  }

  /** A job was put off, or waits for a turn. */
  hint(): void {
    this.#alarm.ring()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#alarm.ring()
    await this.#running
  }

  async #run(): Promise<void> {
    const { ctx, observe, pollMs } = this.#deps
    while (!this.#closing.signal.aborted) {
      this.#alarm.reset()
      try {
        while (await this.#letPass());
        await this.#expire()
        const at = await this.#nextAt()
        // The poll is real time: other workers put jobs off, and their clocks are not ours.
        const ms = at === null ? pollMs : Math.min(pollMs, Math.max(1, at - ctx.clock.now()))
        await this.#alarm.wait(systemClock, ms)
      } catch (error) {
        if (this.#closing.signal.aborted) return
        observe({ kind: 'failed', what: 'gate', error })
        await systemClock.sleep(RETRY_MS, this.#closing.signal).catch(() => undefined)
      }
    }
  }

  /** @returns whether there may be more */
  async #letPass(): Promise<boolean> {
    const { ctx, db, wake } = this.#deps
    const due: { lane: string }[] = []
    const query = jobsDue(new Date(ctx.clock.now()), AT_ONCE)
    await db.system(ctx, async (tx) => tx.later(query, { seen: (_, rows) => due.push(...rows) }))
    const lanes = new Set(due.map(({ lane }) => lane))
    const keys = await db.system(ctx, (tx) => {
      tx.later(plannedByIndex('on'))
      return tx.many(keysWaiting(KEYS_AT_ONCE))
    })
    if (keys.length > 0) for (const lane of await this.#giveTurns(keys)) lanes.add(lane)
    if (lanes.size > 0) wake(lanes)
    return (due.length === AT_ONCE || keys.length === KEYS_AT_ONCE) && !this.#closing.signal.aborted
  }

  #giveTurns(keys: readonly TurnKey[]): Promise<readonly string[]> {
    const { ctx, db } = this.#deps
    const columns = [
      keys.map((key) => key.tenantId),
      keys.map((key) => key.kind),
      keys.map((key) => key.concurrencyKey),
    ] as const
    return db.system(ctx, async (tx) => {
      tx.later(turnsLocked(...columns))
      const rows = await tx.many(turnsGiven(...columns))
      return rows.map(({ lane }) => lane)
    })
  }

  async #nextAt(): Promise<number | null> {
    const { ctx, db } = this.#deps
    const { at } = await db.systemRead(ctx, (tx) => tx.one(nextDue()))
    return at?.getTime() ?? null
  }

  async #expire(): Promise<void> {
    const { ctx, db } = this.#deps
    const now = performance.now()
    if (now - this.#expiredAt < EXPIRE_EVERY_MS) return
    this.#expiredAt = now
    await db.system(ctx, (tx) => tx.run(uniquesExpired(new Date(ctx.clock.now()))))
  }
}
