/*
 * A worker's signs of life, and what comes with each: what it still holds, what somebody wants cancelled, what is
 * paused, and whether another worker has died.
 */
import { hostname } from 'node:os'
import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, newId, type Repeating, repeat, systemClock } from '@stoa/kernel'
import type { Attempt } from './attempt.ts'
import { plannedByIndex } from './job-store.ts'
import type { EndedLeases } from './lease-rescue.ts'
import { dropDayOf } from './retention.ts'
import type { QueueSignal } from './signals.ts'
import { WORKER_LOST } from './verdict.ts'
import {
  attemptsAside,
  attemptsHeld,
  type BuriedRow,
  jobsBuried,
  jobsRescued,
  pauses,
  type RescuedRow,
  whoIsGone,
  workerAdded,
  workerRemoved,
  workerSeen,
  workersGivenUp,
} from './worker-store.ts'

/** What liveness needs. */
export interface LivenessDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly heartbeatMs: number
  readonly deadAfterMs: number
  observe(signal: QueueSignal): void
  wake(lanes: Iterable<string>): void
  running(): readonly Attempt[]
  /** Everything that it held belongs to others now. */
  lost(): void
  /** What could not be claimed before can be: something is not paused any more, or the worker has a name again. */
  resumed(): void
  /** Jobs of workers that died are dead letters: what follows from that, in the same transaction. */
  buried(tx: Tx, rows: readonly BuriedRow[]): Promise<void>
  /** Some leases that ran out are ended. */
  leasesOver(tx: Tx, maxRescues: number): Promise<EndedLeases>
}

/** A job that took so many workers down with it is a dead letter. */
const MAX_RESCUES = 5
const BURIED_KEEP_DAYS = 30
const ASIDE_MS = 250
/** So many running jobs are much for every claim to pass over. */
const MANY = 100

/** Whether this worker lives, and who it is. */
export class Liveness {
  readonly #deps: LivenessDeps
  readonly #name = `${hostname()}/${process.pid}`
  #id = newId()
  #paused: ReadonlySet<string> = new Set()
  #beating: Repeating | null = null
  #clearing: Repeating | null = null
  /** When the database took the last sign of life. */
  #seenAt = 0
  #isCautious = false
  readonly #aside = new WeakSet<Attempt>()

  constructor(deps: LivenessDeps) {
    this.#deps = deps
  }

  /** Who this worker is to the database. Another one after it was given up. */
  get id(): string {
    return this.#id
  }

  /** What is paused: `lane:bulk`, `kind:mail.send`. */
  get paused(): ReadonlySet<string> {
    return this.#paused
  }

  /** @throws StoaError `unavailable` when the database does not take the first sign of life */
  async start(): Promise<void> {
    const { ctx, db, heartbeatMs, observe } = this.#deps
    await db.system(ctx, (tx) => tx.run(workerAdded(this.#id, this.#name)))
    this.#seenAt = performance.now()
    await this.look()
    // Once without being asked: whatever has gone wrong before is put right by a start.
    await this.#giveBackOfOthers()
    this.#beating = repeat(() => this.#beat(), {
      clock: systemClock,
      everyMs: heartbeatMs,
      onError: (error) => observe({ kind: 'failed', what: 'heartbeat', error }),
    })
    // Apart from the signs of life, which wait for nobody.
    this.#clearing = repeat(() => this.#stepAside(), {
      clock: systemClock,
      everyMs: ASIDE_MS,
      onError: (error) => observe({ kind: 'failed', what: 'heartbeat', error }),
    })
  }

  /** Looks what is to be cancelled or is paused. */
  async look(): Promise<void> {
    const { ctx, db, resumed, running } = this.#deps
    const attempts = running()
    const tenantIds = attempts.map(({ row }) => row.tenantId)
    const ids = attempts.map(({ id }) => id)
    const [held, paused] = await db.systemRead(ctx, (tx) =>
      Promise.all([ids.length === 0 ? [] : tx.many(attemptsHeld(tenantIds, ids, this.#id)), tx.many(pauses())]),
    )
    const rows = new Map(held.map((row) => [row.id, row]))
    for (const attempt of attempts) {
      const row = rows.get(attempt.id)
      if (row?.attempt !== attempt.attempt) attempt.abort('lost')
      else if (row.cancelRequested) attempt.abort('cancelled')
    }
    const before = this.#paused
    this.#paused = new Set(paused.map(({ what }) => what))
    if ([...before].some((what) => !this.#paused.has(what))) resumed()
  }

  /** Ends. @param stillHolds whether jobs run that did not end in time: they go back */
  async end(stillHolds: boolean): Promise<void> {
    const { ctx, db, observe, wake } = this.#deps
    await this.#clearing?.[Symbol.asyncDispose]()
    await this.#beating?.[Symbol.asyncDispose]()
    try {
      const rows = await db.system(ctx, async (tx) => {
        await tx.run(workerRemoved(this.#id))
        return stillHolds ? await tx.many(jobsRescued()) : []
      })
      wake(new Set(rows.map(({ lane }) => lane)))
    } catch (error) {
      observe({ kind: 'failed', what: 'leave', error })
    }
  }

  async #beat(): Promise<void> {
    const { ctx, db, deadAfterMs } = this.#deps
    if ((await db.system(ctx, (tx) => tx.run(workerSeen(this.#id)))) === 0) await this.#comeBack()
    const silentMs = performance.now() - this.#seenAt
    this.#seenAt += silentMs
    await this.look()
    // Whoever could not speak may be the first one who can again: the others get the time of one more sign of life.
    this.#isCautious = silentMs > deadAfterMs / 2 && !this.#isCautious
    if (!this.#isCautious) await this.#rescue()
  }

  /** What runs for long gets out of the way of claims: sooner when there is much of it. */
  async #stepAside(): Promise<void> {
    const { ctx, db, heartbeatMs, running } = this.#deps
    const attempts = running()
    const since = performance.now() - (attempts.length > MANY ? ASIDE_MS : heartbeatMs)
    const long = new Map<string, Attempt>()
    for (const each of attempts) if (each.startedAt < since && !this.#aside.has(each)) long.set(each.id, each)
    if (long.size === 0) return
    const tenantIds = [...long.values()].map(({ row }) => row.tenantId)
    const stepped = await db.system(ctx, (tx) => {
      tx.later(plannedByIndex('off'))
      return tx.many(attemptsAside(tenantIds, [...long.keys()], this.#id))
    })
    for (const { id } of stepped) this.#aside.add(long.get(id) as Attempt)
  }

  /** Others gave this worker up: what it held is theirs, and it goes on under another name. */
  async #comeBack(): Promise<void> {
    const { ctx, db, lost, observe, resumed } = this.#deps
    lost()
    const id = newId()
    await db.system(ctx, (tx) => tx.run(workerAdded(id, this.#name)))
    this.#id = id
    observe({ kind: 'given_up' })
    resumed()
  }

  async #rescue(): Promise<void> {
    const { ctx, db, deadAfterMs, leasesOver } = this.#deps
    const { leases, workers } = await db.systemRead(ctx, (tx) => tx.one(whoIsGone(deadAfterMs)))
    if (workers) await this.#giveBackOfOthers()
    for (let hasMore = leases; hasMore; ) {
      const ended = await db.system(ctx, (tx) => leasesOver(tx, MAX_RESCUES))
      this.#rescued(ended.rescued)
      hasMore = ended.hasMore
    }
  }

  async #giveBackOfOthers(): Promise<void> {
    const { buried: bury, ctx, db, deadAfterMs } = this.#deps
    const rescued = await db.system(ctx, async (tx) => {
      const now = ctx.clock.now()
      const dropOn = dropDayOf(now, BURIED_KEEP_DAYS) as string
      await tx.run(workersGivenUp(deadAfterMs))
      const buried = await tx.many(jobsBuried(MAX_RESCUES, new Date(now), dropOn, JSON.stringify(WORKER_LOST)))
      if (buried.length > 0) await bury(tx, buried)
      return [...buried, ...(await tx.many(jobsRescued()))]
    })
    this.#rescued(rescued)
  }

  #rescued(rescued: readonly RescuedRow[]): void {
    const { observe, wake } = this.#deps
    if (rescued.length === 0) return
    observe({ kind: 'rescued', jobs: rescued })
    wake(new Set(rescued.map(({ lane }) => lane)))
  }
}
