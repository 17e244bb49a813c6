/*
 * A worker: claims jobs of its lanes, runs them, and says how they ended.
 *
 *   hint, poll ─► stock (per lane: claimed) ─► slots ─► attempts (running) ─► reports (written together)
 *                    ▲                                      │
 *                    └─────────── free slots, rate ─────────┘
 *   sign of life, every heartbeatMs ─► what it holds, what is to be cancelled ─► rescue of what silent workers held
 *
 * A worker that was silent for `deadAfterMs` (a process that died, an event loop that was blocked, a database that was
 * away) loses its jobs: they run again elsewhere. When it comes back it learns so by its next sign of life, aborts those
 * attempts, and goes on; whatever they still want to write or say is bound to an attempt that is over.
 *
 * Stopping: no more claims; what was claimed and not begun goes back; what runs gets `drainMs` to end, then its signal
 * aborts, and what still runs a moment later goes back as well.
 */
import { type Repeating, repeat, systemClock } from '@stoa/kernel'
import { Dispatcher, type DispatcherDeps } from './dispatcher.ts'
import type { NewJob } from './enqueue.ts'
import { Gatekeeper } from './gatekeeper.ts'
import type { Promised } from './handover.ts'
import { JobTenants } from './job-ctx.ts'
import { jobsReturned } from './job-store.ts'
import type { Lane } from './lanes.ts'
import { endLeases } from './lease-rescue.ts'
import { Liveness } from './liveness.ts'
import { oldestReady } from './operations-store.ts'
import type { Queue } from './queue.ts'
import { keepFinished } from './retention.ts'
import { keepTimetable } from './schedules.ts'
import { keepTidy } from './tidying.ts'
import type { ResolvedWorkerOptions } from './worker-options.ts'

/** What a worker needs of its queue. */
export interface WorkerDeps
  extends Omit<DispatcherDeps, 'slots' | 'pollMs' | 'maxPrefetch' | 'worker' | 'paused' | 'tenants'> {
  readonly enqueue: Queue['enqueue']
  readonly enqueueOnce: Queue['enqueueOnce']
  /** The names of all kinds of jobs that the program knows. */
  kinds(): readonly string[]
  /** Also those that it does not serve. */
  readonly allLanes: ReadonlyMap<string, Lane>
  wakeGate(): void
}

/** After its signal aborted, an attempt has so long to end before the worker leaves. */
const ABORT_GRACE_MS = 1_000
const SCALE_EVERY_MS = 1_000

/** A worker that runs. */
export class Worker implements AsyncDisposable {
  readonly #deps: WorkerDeps
  readonly #options: ResolvedWorkerOptions
  readonly #dispatcher: Dispatcher
  readonly #gate: Gatekeeper
  readonly #liveness: Liveness
  readonly #tenants: JobTenants
  readonly #stopped: () => void
  #repeating: Repeating[] = []

  constructor(deps: WorkerDeps, options: ResolvedWorkerOptions, stopped: () => void) {
    const { ctx, db, observe, wake } = deps
    this.#deps = deps
    this.#stopped = stopped
    this.#tenants = new JobTenants(db, ctx)
    this.#options = options
    this.#liveness = new Liveness({
      ...options,
      db,
      ctx,
      observe,
      wake,
      running: () => this.#dispatcher.running,
      lost: () => this.#dispatcher.lost(),
      resumed: () => this.hint(deps.lanes.keys()),
      buried: (tx, rows) => this.#dispatcher.buried(tx, rows),
      leasesOver: (tx, maxRescues) =>
        endLeases({ ...deps, lanes: deps.allLanes, tenants: this.#tenants }, tx, maxRescues),
    })
    this.#dispatcher = new Dispatcher({
      ...deps,
      ...options,
      lanes: deps.lanes,
      tenants: this.#tenants,
      worker: () => this.#liveness.id,
      paused: () => this.#liveness.paused,
    })
    this.#gate = new Gatekeeper({ db, ctx, observe, wake, pollMs: options.pollMs })
  }

  /** Begins to work, once the worker is known to the others. @throws StoaError `unavailable` */
  async start(): Promise<this> {
    const { allLanes, ctx, db, observe } = this.#deps
    const { maxSlots } = this.#options
    const onError = (error: unknown) => observe({ kind: 'failed', what: 'schedules', error })
    const keeping = keepFinished(db, ctx, allLanes)
    this.#repeating.push(keeping)
    // A partition that is attached while jobs end could refuse one of them for a moment.
    await keeping.first
    await this.#liveness.start()
    this.#gate.start()
    this.#dispatcher.start()
    this.#repeating.push(keepTidy(db, ctx, () => this.#dispatcher.endedCount))
    this.#repeating.push(keepTimetable({ ...this.#deps, ...this.#options, tenants: this.#tenants, onError }))
    if (maxSlots !== null) this.#repeating.push(this.#scale(maxSlots))
    return this
  }

  /** How many jobs run, and how many may run at the same time. */
  get load(): { readonly running: number; readonly slots: number } {
    const { running, total } = this.#dispatcher.slots
    return { running, slots: total }
  }

  /** Jobs of these lanes may be claimed. */
  hint(lanes: Iterable<string>): void {
    this.#dispatcher.hint(lanes)
  }

  /** Whether a job that is about to be stored is begun here at once. */
  promise(job: NewJob): Promised | null {
    return this.#dispatcher.promise(job)
  }

  /** A job was put off, or waits for a turn. */
  hintGate(): void {
    this.#gate.hint()
  }

  /** Something was cancelled, or paused. */
  hintControl(): void {
    this.#liveness.look().catch((error) => this.#deps.observe({ kind: 'failed', what: 'control', error }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped()
    // First of all: what goes on meanwhile takes its time to end, and nothing more is begun in it.
    const unbegun = this.#dispatcher.stopClaiming()
    for (const repeating of this.#repeating.splice(0)) await repeating[Symbol.asyncDispose]()
    await this.#gate[Symbol.asyncDispose]()
    await this.#giveBack(await unbegun)
    await this.#drain(this.#options.drainMs)
    this.#dispatcher.abortAll('stopping')
    await this.#drain(ABORT_GRACE_MS)
    const stillHolds = this.#dispatcher.running.length > 0
    this.#dispatcher.abortAll('lost')
    await this.#dispatcher.written()
    await this.#liveness.end(stillHolds)
  }

  async #drain(ms: number): Promise<void> {
    const over = new AbortController()
    await Promise.race([this.#dispatcher.idle(), systemClock.sleep(ms, over.signal).catch(() => undefined)])
    over.abort()
  }

  async #giveBack(rows: Awaited<ReturnType<Dispatcher['stopClaiming']>>): Promise<void> {
    if (rows.length === 0) return
    const { ctx, db, observe } = this.#deps
    const columns = [
      rows.map((row) => row.tenantId),
      rows.map((row) => row.id),
      rows.map((row) => row.attempt),
    ] as const
    try {
      await db.system(ctx, (tx) => tx.run(jobsReturned(...columns, this.#liveness.id)))
    } catch (error) {
      // They go back with everything else that it holds, when it leaves or is given up.
      observe({ kind: 'failed', what: 'give back', error })
    }
  }

  /** Grows by a quarter while jobs wait for too long, shrinks by a tenth while none does. */
  #scale(maxSlots: number): Repeating {
    const { ctx, db, lanes, observe } = this.#deps
    const { scaleAtAgeMs, slots: least } = this.#options
    const step = async () => {
      const { slots } = this.#dispatcher
      const rows = await db.systemRead(ctx, (tx) => tx.many(oldestReady([...lanes.keys()])))
      const oldestMs = Math.max(0, ...rows.map(({ at }) => ctx.clock.now() - at.getTime()))
      const isFull = slots.running >= slots.total * 0.9
      if (oldestMs > scaleAtAgeMs && isFull) slots.resize(Math.min(maxSlots, Math.ceil(slots.total * 1.25)))
      else if (oldestMs < scaleAtAgeMs / 2) slots.resize(Math.max(least, Math.floor(slots.total * 0.9)))
      if (oldestMs > 0) this.hint(lanes.keys())
    }
    return repeat(step, {
      clock: systemClock,
      everyMs: SCALE_EVERY_MS,
      onError: (error) => observe({ kind: 'failed', what: 'scale', error }),
    })
  }
}
