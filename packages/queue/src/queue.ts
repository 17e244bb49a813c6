/*
 * The queue of a program. Enqueuing needs the caller's transaction and nothing else; working is a worker's, see
 * worker.ts. Hints wake workers of this process at once and those of others soon; the polls of workers are the truth.
 */
import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, type Clock, type Ctx, didYouMean, type Logger, newId, StoaError, systemCtx } from '@stoa/kernel'
import type { Static, TSchema } from 'typebox'
import type { Announce } from './announce.ts'
import type { InstrumentJob } from './attempt.ts'
import { Coalescer } from './coalescer.ts'
import { checkAsked, type EnqueueOptions, enqueued, enqueuedOnce, type NewJob, newJob } from './enqueue.ts'
import { queueErrors } from './errors.ts'
import type { Promised } from './handover.ts'
import type { JobDefinition } from './job.ts'
import { DEFAULT_LANES, EXTERNAL_LANE, type Lane, type LaneOptions, laneNamed, lanesOf } from './lanes.ts'
import { LeaseWaits } from './lease-waits.ts'
import { createLeases, type Leases } from './leases.ts'
import { createOperations, type Operations } from './operations.ts'
import { createSchedules, type Schedules } from './schedules.ts'
import type { QueueSignal } from './signals.ts'
import { Worker } from './worker.ts'
import { resolveWorkerOptions, type WorkerOptions } from './worker-options.ts'

/** Says "look now" to other processes. `Hints` of `@stoa/journal` are such. */
export interface QueueHints {
  publish(topic: string): void
  subscribe(topic: string, fn: () => void): Disposable
}

/** What a queue stands on. */
export interface QueueDeps {
  /** With {@link queueMigrations}. */
  readonly db: Database
  readonly log: Logger
  readonly clock: Clock
  /** Between processes. Default: other processes find out by polling. */
  readonly hints?: QueueHints
  /** Told of every step of tracked jobs, in the transaction that makes it. Default: nobody. */
  readonly announce?: Announce
  /** Wraps what `run` of every job does, to trace it. Default: nothing. */
  readonly instrument?: InstrumentJob
  /** Told what happens. Default: nobody. */
  readonly observe?: (signal: QueueSignal) => void
}

/** Options of {@link createQueue}. */
export interface QueueOptions {
  /** The kinds of jobs that this program knows. More can be added by {@link Queue.define}. */
  readonly jobs?: readonly JobDefinition[]
  /** The lanes, the most important first. Default {@link DEFAULT_LANES}. */
  readonly lanes?: Readonly<Record<string, LaneOptions>>
}

/** A job that was enqueued unless there was one of its key. */
export interface EnqueuedOnce {
  /** Of the job that has the key: this one, or the one that was there. */
  readonly id: string
  readonly isNew: boolean
}

/** A job with its kind, for {@link Queue.enqueueAfter}. */
export interface Wanted {
  readonly job: JobDefinition
  readonly input: unknown
  readonly options?: EnqueueOptions
}

/** Durable jobs. */
export interface Queue extends AsyncDisposable {
  readonly lanes: ReadonlyMap<string, Lane>
  readonly schedules: Schedules
  readonly operations: Operations
  /** Jobs that programs outside run. */
  readonly leases: Leases
  /** Adds kinds of jobs. @throws TypeError for a name that is there, and for a lane that is not */
  define(...jobs: readonly JobDefinition[]): void
  /** Every kind of job that this program knows, by name. */
  readonly definitions: ReadonlyMap<string, JobDefinition>
  /** The kind of this name. @throws StoaError `job_kind_unknown` */
  definition(name: string): JobDefinition
  /**
   * Adds a job to the caller's transaction: it exists if and when that commits. It costs no round trip, and is checked
   * before anything is sent.
   *
   * @returns its id
   * @throws StoaError `job_input_invalid`, `job_input_too_large`; TypeError for a kind that is unique
   */
  enqueue<T extends TSchema>(
    ctx: Ctx,
    tx: Tx,
    job: JobDefinition<T>,
    input: Static<T>,
    options?: EnqueueOptions,
  ): string
  /**
   * Adds many jobs of a kind to the caller's transaction, by one statement for each thousand. Throws as `enqueue`,
   * before anything is sent.
   *
   * @returns their ids, in order
   */
  enqueueMany<T extends TSchema>(
    ctx: Ctx,
    tx: Tx,
    job: JobDefinition<T>,
    inputs: readonly Static<T>[],
    options?: EnqueueOptions,
  ): readonly string[]
  /** Adds a job of a unique kind to the caller's transaction, unless there is one of its key. Throws as `enqueue`. */
  enqueueOnce<T extends TSchema>(
    ctx: Ctx,
    tx: Tx,
    job: JobDefinition<T>,
    input: Static<T>,
    options?: EnqueueOptions,
  ): Promise<EnqueuedOnce>
  /**
   * Adds a job that somebody outside has asked for, to the caller's transaction. What they send is made into its input
   * there, when the kind says how: see {@link Acceptance}. Whether they may ask has been decided. Of a unique kind, it
   * may be the job that is there.
   *
   * @throws as `enqueue`, and what the kind's `accept` throws
   */
  ask(ctx: Ctx, tx: Tx, job: JobDefinition, asked: unknown, options?: EnqueueOptions): Promise<EnqueuedOnce>
  /**
   * Adds a job that runs when all of these have ended, whatever became of them: `job.children()` tells. All in the
   * caller's transaction.
   *
   * @throws as `enqueue`
   */
  enqueueAfter(
    ctx: Ctx,
    tx: Tx,
    parent: Wanted,
    children: readonly Wanted[],
  ): { id: string; children: readonly string[] }
  /**
   * Adds a job by itself. Resolves when it is committed; callers at the same time share a commit.
   *
   * @throws as `enqueue`; TypeError inside of a transaction, which it would not be part of; StoaError `queue_closed`,
   * `unavailable`
   */
  add<T extends TSchema>(ctx: Ctx, job: JobDefinition<T>, input: Static<T>, options?: EnqueueOptions): Promise<string>
  /**
   * Starts a worker. Dispose it to stop: see {@link WorkerOptions}. Several in one process share nothing but the
   * database.
   *
   * @throws StoaError `invalid_options`, `unavailable`
   */
  work(options?: WorkerOptions): Promise<Worker>
}

const STORED_AT_ONCE = 1_000
const LANE_TOPIC = 'jobs:'
const GATE_TOPIC = 'jobs.gate'
const CONTROL_TOPIC = 'jobs.control'
/** A job that is due later than this need not be hinted: the gates look that often by themselves. */
const SOON_MS = 5_000

/**
 * Opens the queue of a database whose schema has {@link queueMigrations}.
 *
 * @throws TypeError, StoaError `invalid_options` for lanes and jobs that are malformed
 */
export function createQueue(options: QueueOptions, deps: QueueDeps): Queue {
  return new StoaQueue(options, deps)
}

class StoaQueue implements Queue {
  readonly lanes: ReadonlyMap<string, Lane>
  readonly schedules: Schedules
  readonly operations: Operations
  readonly leases: Leases
  readonly #definitions = new Map<string, JobDefinition>()
  readonly #deps: QueueDeps
  readonly #ctx: BaseCtx
  readonly #workers = new Set<Worker>()
  readonly #coalescer: Coalescer
  readonly #waits: LeaseWaits
  readonly #held: (AsyncDisposable | Disposable)[] = []

  constructor({ jobs = [], lanes = DEFAULT_LANES }: QueueOptions, deps: QueueDeps) {
    const { clock, db, log } = deps
    this.#deps = deps
    this.#ctx = systemCtx({ log, clock }, 'queue')
    this.lanes = lanesOf(lanes)
    this.define(...jobs)
    this.#coalescer = new Coalescer({
      db,
      ctx: this.#ctx,
      isDurable: ({ lane }) => this.lanes.get(lane)?.durable !== false,
      promise: (job) => this.#promise(job),
      stored: (stored, isBegun) => this.#stored(stored, isBegun),
    })
    this.schedules = createSchedules(db)
    const shared = {
      db,
      ctx: this.#ctx,
      lanes: this.lanes,
      announce: deps.announce ?? null,
      observe: (signal: QueueSignal) => this.#observe(signal),
      wake: (woken: Iterable<string>) => this.#wake(woken),
      wakeGate: () => this.#wakeGate(),
      wakeControl: () => this.#wakeControl(),
    }
    this.#waits = new LeaseWaits(shared)
    this.operations = createOperations(shared)
    this.leases = createLeases({ ...shared, waits: this.#waits })
    this.#listen()
  }

  get definitions(): ReadonlyMap<string, JobDefinition> {
    return this.#definitions
  }

  define(...jobs: readonly JobDefinition[]): void {
    for (const job of jobs) {
      if (this.#definitions.has(job.name)) throw new TypeError(`the job '${job.name}' is defined twice`)
      laneNamed(this.lanes, job.lane)
      this.#definitions.set(job.name, job)
    }
  }

  definition(name: string): JobDefinition {
    const job = this.#definitions.get(name)
    if (job) return job
    const message = `There is no job of the kind '${name.slice(0, 100)}'${didYouMean(name, [...this.#definitions.keys()]) || '.'}`
    throw new StoaError(queueErrors.job_kind_unknown, { message })
  }

  enqueue<T extends TSchema>(
    ctx: Ctx,
    tx: Tx,
    job: JobDefinition<T>,
    input: Static<T>,
    options?: EnqueueOptions,
  ): string {
    return this.enqueueMany(ctx, tx, job, [input], options)[0] as string
  }

  enqueueMany<T extends TSchema>(
    ctx: Ctx,
    tx: Tx,
    job: JobDefinition<T>,
    inputs: readonly Static<T>[],
    options?: EnqueueOptions,
  ): readonly string[] {
    if (job.unique) throw new TypeError(`the job '${job.name}' is unique: use enqueueOnce`)
    const jobs = inputs.map((input) => this.#newJob(ctx, job, input, options))
    for (let at = 0; at < jobs.length; at += STORED_AT_ONCE) tx.later(enqueued(jobs.slice(at, at + STORED_AT_ONCE)))
    this.#born(ctx, tx, job, jobs)
    return jobs.map(({ id }) => id)
  }

  async enqueueOnce<T extends TSchema>(
    ctx: Ctx,
    tx: Tx,
    job: JobDefinition<T>,
    input: Static<T>,
    options?: EnqueueOptions,
  ): Promise<EnqueuedOnce> {
    const made = this.#newJob(ctx, job, input, options)
    for (;;) {
      const row = await tx.maybe(enqueuedOnce(made, job, ctx.clock.now()))
      // No row: the other one is being committed at this moment, and the next look sees it.
      if (!row) continue
      const isNew = row.jobId === made.id
      if (isNew) this.#born(ctx, tx, job, [made])
      return { id: row.jobId, isNew }
    }
  }

  async ask(ctx: Ctx, tx: Tx, job: JobDefinition, asked: unknown, options?: EnqueueOptions): Promise<EnqueuedOnce> {
    const { acceptance } = job.api ?? {}
    if (!acceptance) {
      if (job.unique) return this.enqueueOnce(ctx, tx, job, asked, options)
      return { id: this.enqueue(ctx, tx, job, asked, options), isNew: true }
    }
    checkAsked(job.name, acceptance, asked)
    const id = newId(ctx.clock)
    const input = await acceptance.accept(ctx, tx, asked, id)
    this.#enqueue(ctx, tx, job, [this.#newJob(ctx, job, input, options, { id })])
    return { id, isNew: true }
  }

  enqueueAfter(
    ctx: Ctx,
    tx: Tx,
    parent: Wanted,
    children: readonly Wanted[],
  ): { id: string; children: readonly string[] } {
    if (children.length === 0) throw new TypeError('a job that waits for children needs one')
    const unique = [parent, ...children].find(({ job }) => job.unique)
    if (unique) throw new TypeError(`the job '${unique.job.name}' is unique: it may be there, with another parent`)
    const above = this.#newJob(ctx, parent.job, parent.input, parent.options, { awaits: children.length })
    const below = children.map(({ input, job, options }) =>
      this.#newJob(ctx, job, input, options, { parentId: above.id }),
    )
    this.#enqueue(ctx, tx, parent.job, [above])
    for (const [index, child] of below.entries()) this.#enqueue(ctx, tx, (children[index] as Wanted).job, [child])
    return { id: above.id, children: below.map(({ id }) => id) }
  }

  async add<T extends TSchema>(
    ctx: Ctx,
    job: JobDefinition<T>,
    input: Static<T>,
    options?: EnqueueOptions,
  ): Promise<string> {
    const { db } = this.#deps
    if (db.inTransaction()) throw new TypeError('inside of a transaction, enqueue gives it to that transaction')
    if (job.unique) {
      const { id } = await db.transaction(ctx, (tx) => this.enqueueOnce(ctx, tx, job, input, options))
      return id
    }
    const made = this.#newJob(ctx, job, input, options)
    if (job.tracked) await db.transaction(ctx, async (tx) => this.#enqueue(ctx, tx, job, [made]))
    else await this.#coalescer.add(made)
    return made.id
  }

  async work(options: WorkerOptions = {}): Promise<Worker> {
    const resolved = resolveWorkerOptions(options, this.lanes)
    const { announce = null, db, instrument = null } = this.#deps
    const isServed = (name: string) => name !== EXTERNAL_LANE && (resolved.lanes?.includes(name) ?? true)
    const lanes = new Map([...this.lanes].filter(([name]) => isServed(name)))
    const worker = new Worker(
      {
        db,
        ctx: this.#ctx,
        lanes,
        allLanes: this.lanes,
        announce,
        instrument,
        definition: (kind) => this.#definitions.get(kind),
        observe: (signal) => this.#observe(signal),
        wake: (woken) => this.#wake(woken),
        wakeGate: () => this.#wakeGate(),
        kinds: () => [...this.#definitions.keys()],
        enqueue: (...asked) => this.enqueue(...asked),
        enqueueOnce: (...asked) => this.enqueueOnce(...asked),
      },
      resolved,
      () => this.#workers.delete(worker),
    )
    await worker.start()
    this.#workers.add(worker)
    return worker
  }

  /** Waits for what is being enqueued, and stops the workers. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#coalescer[Symbol.asyncDispose]()
    await this.#waits[Symbol.asyncDispose]()
    for (const worker of [...this.#workers]) await worker[Symbol.asyncDispose]()
    for (const held of this.#held.splice(0).reverse()) {
      if (Symbol.asyncDispose in held) await held[Symbol.asyncDispose]()
      else held[Symbol.dispose]()
    }
  }

  #newJob(...[ctx, job, input, options, kinship]: Parameters<typeof newJob>): NewJob {
    if (options?.lane !== undefined) laneNamed(this.lanes, options.lane)
    return newJob(ctx, job, input, options, kinship)
  }

  /** @returns the id of the first */
  #enqueue(ctx: Ctx, tx: Tx, job: JobDefinition, jobs: readonly NewJob[]): string {
    tx.later(enqueued(jobs))
    this.#born(ctx, tx, job, jobs)
    return (jobs[0] as NewJob).id
  }

  #born(ctx: Ctx, tx: Tx, job: JobDefinition, jobs: readonly NewJob[]): void {
    const { announce } = this.#deps
    if (job.tracked && announce) {
      for (const { id, kind } of jobs) announce(ctx, tx, { id, kind, attempt: 0 }, { kind: 'queued' })
    }
    tx.afterCommit(() => this.#stored(jobs))
  }

  #promise(job: NewJob): Promised | null {
    for (const worker of this.#workers) {
      const promised = worker.promise(job)
      if (promised) return promised
    }
    return null
  }

  /** Jobs are committed. Whoever has begun already needs nobody to be woken. */
  #stored(jobs: readonly NewJob[], isBegun: (job: NewJob) => boolean = () => false): void {
    const lanes = new Set<string>()
    const now = this.#deps.clock.now()
    let gate = false
    for (const job of jobs) {
      const { kind, lane, runAt, state } = job
      if (state === 'ready') {
        if (!isBegun(job)) lanes.add(lane)
      } else gate ||= state === 'held' || runAt.getTime() - now < SOON_MS
      this.#observe({ kind: 'enqueued', job: kind, lane, count: 1 })
    }
    if (lanes.size > 0) this.#wake(lanes)
    if (gate) this.#wakeGate()
  }

  #wake(lanes: Iterable<string>): void {
    for (const worker of this.#workers) worker.hint(lanes)
    for (const lane of lanes) {
      if (lane === EXTERNAL_LANE) this.#waits.hint()
      this.#deps.hints?.publish(`${LANE_TOPIC}${lane}`)
    }
  }

  #wakeGate(): void {
    for (const worker of this.#workers) worker.hintGate()
    this.#deps.hints?.publish(GATE_TOPIC)
  }

  #wakeControl(): void {
    for (const worker of this.#workers) worker.hintControl()
    this.#waits.hint()
    this.#deps.hints?.publish(CONTROL_TOPIC)
  }

  #listen(): void {
    const { hints } = this.#deps
    if (!hints) return
    const hear = (topic: string, fn: () => void) => this.#held.push(hints.subscribe(topic, fn))
    for (const lane of this.lanes.keys()) {
      hear(`${LANE_TOPIC}${lane}`, () => {
        if (lane === EXTERNAL_LANE) this.#waits.hint()
        else for (const worker of this.#workers) worker.hint([lane])
      })
    }
    hear(GATE_TOPIC, () => {
      for (const worker of this.#workers) worker.hintGate()
    })
    hear(CONTROL_TOPIC, () => {
      this.#waits.hint()
      for (const worker of this.#workers) worker.hintControl()
    })
  }

  #observe(signal: QueueSignal): void {
    const { log, observe } = this.#deps
    if (signal.kind === 'failed')
      log.warn({ err: signal.error, what: signal.what }, 'queue: the database did not take it, trying again')
    try {
      observe?.(signal)
    } catch (err) {
      log.error({ err, kind: signal.kind }, 'an observer of the queue failed')
    }
  }
}
