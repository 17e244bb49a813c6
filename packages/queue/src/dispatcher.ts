/*
 * From claimed to running to ended: begins jobs as slots allow, refuses those that cannot run, and reports how each
 * ended.
 */
import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, StoaError, type Tenant } from '@stoa/kernel'
import type { Announce } from './announce.ts'
import { type AbortReason, Attempt, type AttemptHost, encodedResult, type InstrumentJob } from './attempt.ts'
import { type Barred, OutOfTurns } from './barred.ts'
import { type NewJob, validatorOf } from './enqueue.ts'
import { queueErrors } from './errors.ts'
import { endedChildren } from './finished-store.ts'
import type { Promised } from './handover.ts'
import type { JobDefinition } from './job.ts'
import { JobCtx, type JobTenants } from './job-ctx.ts'
import { type ClaimedRow, jobsFinished, jobsRemoved } from './job-store.ts'
import type { Lane } from './lanes.ts'
import { Reports, writeConsequences } from './reports.ts'
import { dropDayOf } from './retention.ts'
import type { EndedChild } from './running-job.ts'
import type { QueueSignal } from './signals.ts'
import { Slots } from './slots.ts'
import { Stock } from './stock.ts'
import { CANCELLED_WHILE_IT_RAN, type Verdict, WORKER_LOST } from './verdict.ts'
import type { BuriedRow } from './worker-store.ts'

/** What a dispatcher needs. */
export interface DispatcherDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly lanes: ReadonlyMap<string, Lane>
  readonly tenants: JobTenants
  readonly announce: Announce | null
  readonly instrument: InstrumentJob | null
  readonly slots: number
  readonly pollMs: number
  readonly maxPrefetch: number
  definition(kind: string): JobDefinition | undefined
  observe(signal: QueueSignal): void
  wake(lanes: Iterable<string>): void
  /** The worker's id at present. */
  worker(): string
  /** `lane:bulk`, `kind:mail.send`: not to be claimed. */
  paused(): ReadonlySet<string>
}

/** A job of a kind that this process does not know: another one will, after a rolling update at the latest. */
const UNKNOWN_KIND_MS = 15_000
const START_FAILED_MS = 5_000
const PROGRESS_EVERY_MS = 250
const MAX_UNWRITTEN = 5_000
/** For so long jobs are begun in one turn of the event loop. */
const TURN_MS = 2

/** Begins and ends the jobs of a worker. */
export class Dispatcher implements AttemptHost {
  readonly instrument: InstrumentJob | null
  readonly slots: Slots
  /** How many attempts have ended so far. */
  endedCount = 0
  readonly #deps: DispatcherDeps
  readonly #stocks: ReadonlyMap<string, Stock>
  readonly #reports: Reports
  readonly #attempts = new Map<Attempt, Lane>()
  /** Jobs of each lane that were begun and whose end is not written yet. */
  readonly #begun: ReadonlyMap<string, Set<string>>
  readonly #outOfTurns = new OutOfTurns()
  /** Attempts whose progress will be told in a moment. */
  readonly #telling = new WeakSet<Attempt>()
  #stopping = false
  #beginning = false
  /** Until when jobs are begun in this turn of the event loop; null: none was. */
  #turnEndsAt: number | null = null
  #preparing = 0
  /** What was asked before they can run is there: they hold their slots, and begin before anything else. */
  readonly #prepared: (() => void)[] = []
  /** Tenants that are being looked for. */
  readonly #finding = new Map<string, Promise<Tenant | null>>()
  #empty: (() => void) | null = null

  constructor(deps: DispatcherDeps) {
    const { lanes, slots } = deps
    this.#deps = deps
    this.instrument = deps.instrument
    this.slots = new Slots(slots, lanes)
    this.#begun = new Map([...lanes.keys()].map((lane) => [lane, new Set()]))
    this.#reports = new Reports({ ...deps, written: (row, lane) => this.#begun.get(lane)?.delete(row.id) })
    this.#stocks = new Map([...lanes.keys()].map((lane) => [lane, this.#stockOf(lane)]))
  }

  start(): void {
    for (const stock of this.#stocks.values()) stock.start()
  }

  hint(lanes: Iterable<string>): void {
    for (const lane of lanes) this.#stocks.get(lane)?.hint()
  }

  /** Whether a job that is about to be stored is begun here at once. */
  promise(job: NewJob): Promised | null {
    if (this.#stopping || !this.#deps.definition(job.kind)?.run) return null
    return this.#stocks.get(job.lane)?.promise(job) ?? null
  }

  /** The attempts that run. */
  get running(): readonly Attempt[] {
    return [...this.#attempts.keys()]
  }

  /** Claims no more. @returns what was claimed and not begun */
  async stopClaiming(): Promise<readonly ClaimedRow[]> {
    this.#stopping = true
    const left = await Promise.all([...this.#stocks.values()].map((stock) => stock.close()))
    return left.flat()
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    if (this.#attempts.size + this.#preparing === 0) return
    await new Promise<void>((resolve) => {
      this.#empty = resolve
    })
  }

  abortAll(reason: AbortReason): void {
    for (const attempt of this.running) attempt.abort(reason)
  }

  /** What it claimed belongs to others now. */
  lost(): void {
    for (const stock of this.#stocks.values()) stock.forget()
    this.abortAll('lost')
  }

  /** What follows for others when jobs have become dead letters. */
  async buried(tx: Tx, rows: readonly BuriedRow[]): Promise<void> {
    const { announce, ctx, wake } = this.#deps
    const lanes = new Set<string>()
    for (const row of rows.filter(({ tracked }) => tracked)) {
      const tenant = await this.#deps.tenants.find(row.tenantId)
      if (tenant)
        announce?.(new JobCtx(ctx, tenant, row, neverAborted), tx, row, { kind: 'dead', failure: WORKER_LOST })
    }
    writeConsequences(
      tx,
      rows.map((row) => ({ row, isOver: true })),
      lanes,
      ctx.clock.now(),
    )
    tx.afterCommit(() => wake(lanes))
  }

  /** Resolves when everything that ended is written. */
  async written(): Promise<void> {
    await this.#reports[Symbol.asyncDispose]()
  }

  // What an attempt asks of its host.

  finishing<T>(attempt: Attempt, fn: (tx: Tx) => Promise<T>, result: (value: T) => unknown): Promise<T> {
    const { announce, ctx, db, wake, worker } = this.#deps
    const { row } = attempt
    const lane = this.#attempts.get(attempt) as Lane
    const lanes = new Set<string>()
    return db.transaction(attempt.ctx, async (tx) => {
      const value = await fn(tx)
      const text = encodedResult(result(value))
      if (text instanceof Error) throw text
      const at = ctx.clock.now()
      const drop = dropDayOf(at, lane.keepDays, row.parentId !== null)
      const key = [[row.tenantId], [row.id], [row.attempt], worker()] as const
      const { count } = await tx.one(
        drop === null ? jobsRemoved(...key) : jobsFinished(...key, ['done'], [new Date(at)], [drop], [text], [null]),
      )
      if (count === 0) throw new StoaError(queueErrors.job_attempt_stale)
      writeConsequences(tx, [{ row, isOver: true }], lanes, at)
      if (row.tracked)
        announce?.(attempt.ctx, tx, row, { kind: 'done', result: text === null ? null : JSON.parse(text) })
      tx.afterCommit(() => wake(lanes))
      return value
    })
  }

  async children({ ctx, id }: Attempt): Promise<readonly EndedChild[]> {
    return this.#deps.db.read(ctx, (tx) => tx.many(endedChildren(ctx.tenant.id, id)))
  }

  progressed(attempt: Attempt): void {
    if (this.#telling.has(attempt)) return
    this.#telling.add(attempt)
    const tell = () => {
      this.#telling.delete(attempt)
      const lane = this.#attempts.get(attempt)
      if (lane && !attempt.over) this.#reports.add({ kind: 'progress', attempt, lane })
    }
    setTimeout(tell, PROGRESS_EVERY_MS)
  }

  /** @param verdict null: there is nothing to write */
  ended(attempt: Attempt, verdict: Verdict | null): void {
    const { ctx, observe } = this.#deps
    const lane = this.#attempts.get(attempt) as Lane
    this.#attempts.delete(attempt)
    const { id, kind } = attempt
    const ranMs = performance.now() - attempt.startedAt
    observe({ kind: 'ended', job: kind, lane: lane.name, id, outcome: verdict?.kind ?? 'done', ranMs })
    if (verdict) this.#reports.add({ kind: 'ended', attempt, lane, verdict, at: ctx.clock.now() })
    else this.#begun.get(lane.name)?.delete(id)
    this.#freed(lane)
  }

  // From a claimed row to an attempt.

  #stockOf(lane: string): Stock {
    const { ctx, db, lanes, maxPrefetch, observe, pollMs, worker } = this.#deps
    const { share } = lanes.get(lane) as Lane
    return new Stock(lane, {
      db,
      ctx,
      pollMs,
      // What is claimed at once is handled at once, and holds up the process meanwhile, and so what is more urgent.
      maxPrefetch: Math.ceil(maxPrefetch * share),
      observe,
      worker,
      free: () => (this.#reports.unwritten > MAX_UNWRITTEN ? 0 : this.slots.free(lane)),
      barred: () => this.#barred(lane),
      begun: () => this.#begun.get(lane) ?? [],
      arrived: () => this.#begin(),
    })
  }

  #barred(lane: string): Barred | null {
    const paused = this.#deps.paused()
    if (paused.has(`lane:${lane}`)) return null
    return this.#outOfTurns.barred([...paused].filter((what) => what.startsWith('kind:')).map((what) => what.slice(5)))
  }

  /**
   * Begins what may begin: one job of each lane in turn, so that a full stock of one holds up no other. Jobs that end at
   * once would go on for as long as there are any, and nobody else would be heard: a hint for a more urgent lane, an
   * answer of the database. So what is left after a moment waits for the next turn of the event loop.
   */
  #begin(): void {
    // Who ends at once frees a slot, and would begin the next one from in here, deeper and deeper.
    if (this.#beginning) return
    this.#beginning = true
    const endsAt = this.#turnEndsAt ?? this.#beginTurn()
    while (this.#prepared.length > 0 && performance.now() < endsAt) this.#prepared.shift()?.()
    for (let begun = true; begun && !this.#stopping; ) {
      begun = false
      for (const [name, stock] of this.#stocks) {
        if (performance.now() >= endsAt) break
        const row = this.slots.free(name) > 0 ? stock.take() : undefined
        if (!row) continue
        begun = true
        this.slots.take(name)
        this.#begun.get(name)?.add(row.id)
        this.#start(row, this.#deps.lanes.get(name) as Lane)
      }
    }
    this.#beginning = false
  }

  #beginTurn(): number {
    this.#turnEndsAt = performance.now() + TURN_MS
    setImmediate(() => {
      this.#turnEndsAt = null
      if (this.#prepared.length > 0 || [...this.#stocks.values()].some(({ size }) => size > 0)) this.#begin()
    })
    return this.#turnEndsAt
  }

  #start(row: ClaimedRow, lane: Lane): void {
    const tenant = this.#deps.tenants.known(row.tenantId)
    const definition = this.#deps.definition(row.kind)
    if (tenant && !definition?.takeTurn) {
      try {
        this.#run(row, lane, definition, tenant)
      } catch (error) {
        this.#putOff(error, row, lane, tenant)
      }
      return
    }
    this.#preparing++
    this.#prepare(row, lane, definition)
      .catch((error) => this.#putOff(error, row, lane, tenant))
      .finally(() => {
        this.#preparing--
        this.#tellIdle()
      })
  }

  #putOff(error: unknown, row: ClaimedRow, lane: Lane, tenant: Tenant | null): void {
    this.#deps.observe({ kind: 'failed', what: 'start', error })
    this.#refuse(row, lane, tenant, this.#snooze(START_FAILED_MS))
  }

  /** Asks what has to be asked before it can run. */
  async #prepare(row: ClaimedRow, lane: Lane, definition: JobDefinition | undefined): Promise<void> {
    const { ctx } = this.#deps
    const tenant = this.#deps.tenants.known(row.tenantId) ?? (await this.#find(row.tenantId))
    if (tenant && !row.cancelRequested && definition?.takeTurn && validatorOf(definition).Check(row.input)) {
      const turn = await definition.takeTurn(new JobCtx(ctx, tenant, row, neverAborted), row.input as never)
      if (!turn.allowed) {
        this.#outOfTurns.add(row.tenantId, row.kind, turn.retryAfterMs)
        this.#refuse(row, lane, tenant, this.#snooze(turn.retryAfterMs))
        return
      }
    }
    await this.#inTurn(() => this.#run(row, lane, definition, tenant))
  }

  /**
   * Looks once for all jobs that ask at the same time. Not for others than these: who asks inside of a transaction would
   * wait for a look that waits for the connection.
   */
  #find(tenantId: string): Promise<Tenant | null> {
    const under = this.#finding.get(tenantId)
    if (under !== undefined) return under
    const finding = this.#deps.tenants.find(tenantId).finally(() => this.#finding.delete(tenantId))
    this.#finding.set(tenantId, finding)
    return finding
  }

  /** Those that have waited for one answer may go on all at once: they take turns as what lies in a stock does. */
  #inTurn(run: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#prepared.push(() => resolve((async () => run())()))
    this.#begin()
    return promise
  }

  #run(row: ClaimedRow, lane: Lane, definition: JobDefinition | undefined, tenant: Tenant | null): void {
    // Somebody wanted it when it ran, and its attempt ended in another way, or with its worker.
    if (row.cancelRequested) this.#refuse(row, lane, tenant, CANCELLED_WHILE_IT_RAN)
    else if (!definition?.run) this.#refuse(row, lane, tenant, this.#snooze(UNKNOWN_KIND_MS))
    else if (!tenant) this.#refuse(row, lane, tenant, dead('error', 'Its tenant does not exist.'))
    else if (!validatorOf(definition).Check(row.input)) {
      this.#refuse(row, lane, tenant, dead('input_invalid', 'The input does not fit this kind of job any more.'))
    } else this.#attempt(row, lane, definition, tenant)
  }

  #attempt(row: ClaimedRow, lane: Lane, definition: JobDefinition, tenant: Tenant): void {
    const { ctx, observe } = this.#deps
    const attempt = new Attempt(row, definition, tenant, ctx, this)
    this.#attempts.set(attempt, lane)
    if (row.tracked) this.#reports.add({ kind: 'started', attempt, lane })
    const waitedMs = ctx.clock.now() - row.runAt.getTime()
    observe({ kind: 'started', job: row.kind, lane: lane.name, id: row.id, waitedMs })
    attempt.run()
  }

  #refuse(row: ClaimedRow, lane: Lane, tenant: Tenant | null, verdict: Verdict): void {
    const { ctx } = this.#deps
    const jobCtx: Ctx | null = tenant && new JobCtx(ctx, tenant, row, neverAborted)
    const attempt = { row, ctx: jobCtx, unwritten: null }
    this.#reports.add({ kind: 'ended', attempt, lane, verdict, at: ctx.clock.now() })
    this.#freed(lane)
  }

  #freed({ name }: Lane): void {
    this.endedCount++
    this.slots.give(name)
    this.#stocks.get(name)?.jobEnded()
    this.#begin()
    this.#tellIdle()
  }

  #tellIdle(): void {
    if (this.#attempts.size + this.#preparing === 0) this.#empty?.()
  }

  #snooze(ms: number): Verdict {
    return { kind: 'snooze', at: this.#deps.ctx.clock.now() + ms }
  }
}

function dead(reason: string, message: string): Verdict {
  return { kind: 'dead', failure: { reason, message } }
}

function neverAborted(): AbortSignal {
  return new AbortController().signal
}
