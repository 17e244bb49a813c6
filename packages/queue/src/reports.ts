/*
 * What a worker has to say about its jobs, written together: whatever ends while one commit is under way goes with the
 * next. Each report is bound to the attempt (id, attempt, worker), so an attempt that was given to somebody else changes
 * nothing. A report that the database does not take is said again until it does; by then the attempt may be stale, and
 * the count tells.
 */
import { type Database, DatabaseError, type Tx } from '@stoa/db'
import { type BaseCtx, backoffMs, type Ctx, StoaError, systemClock } from '@stoa/kernel'
import type { Announce, Transition } from './announce.ts'
import type { Attempt } from './attempt.ts'
import {
  attemptsLocked,
  type ClaimedRow,
  jobsFinished,
  jobsProgressed,
  jobsPutOff,
  jobsRemoved,
  plannedByIndex,
} from './job-store.ts'
import type { Lane } from './lanes.ts'
import { dropDayOf } from './retention.ts'
import type { QueueSignal } from './signals.ts'
import type { Verdict } from './verdict.ts'
import { parentsReleased, turnsGiven, turnsLocked, uniquesFreed } from './waiting-store.ts'

/** Whom a report is of: an attempt, or a claimed job that could not become one. */
interface Reported {
  readonly row: ClaimedRow
  /** Null when its tenant is not known. */
  readonly ctx: Ctx | null
  /** The newest progress. */
  readonly unwritten: Attempt['unwritten']
}

interface Ended {
  readonly kind: 'ended'
  readonly attempt: Reported
  readonly lane: Lane
  readonly verdict: Verdict
  /** In milliseconds. */
  readonly at: number
  /** What the database did not take was left out. */
  readonly isBare?: true
}

/** One thing to be said of an attempt. */
export type Report =
  | { readonly kind: 'started'; readonly attempt: Reported; readonly lane: Lane }
  | { readonly kind: 'progress'; readonly attempt: Reported; readonly lane: Lane }
  | Ended

/** What reports need. */
export interface ReportDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly announce: Announce | null
  readonly observe: (signal: QueueSignal) => void
  /** Jobs of these lanes may be claimed now. */
  wake(lanes: Iterable<string>): void
  /** The worker's id at present. */
  worker(): string
  /** The end of a job is written. */
  written(row: ClaimedRow, lane: string): void
}

const MAX_REPORTS = 1_000
/** A worker that stops says so often what it has to say. */
const CLOSING_FAILURES = 5
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2_000

/** Writes reports. */
export class Reports implements AsyncDisposable {
  readonly #deps: ReportDeps
  #waiting: Report[] = []
  #writing: Promise<void> | null = null
  #closing = false
  /** So many reports go one by one. */
  #alone = 0

  constructor(deps: ReportDeps) {
    this.#deps = deps
  }

  /** How many are not written yet. */
  get unwritten(): number {
    return this.#waiting.length
  }

  add(report: Report): void {
    this.#waiting.push(report)
    this.#writing ??= this.#write()
  }

  /**
   * Resolves when all that was added is written, or the database does not take it for some seconds: those jobs run again,
   * when this worker is given up.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    await this.#writing
  }

  async #write(): Promise<void> {
    // In the next turn of the event loop: those who end together are written together.
    await new Promise((resolve) => setImmediate(resolve))
    for (let failures = 0; this.#waiting.length > 0; ) {
      const batch = this.#waiting.splice(0, this.#alone ? 1 : MAX_REPORTS)
      try {
        await this.#commit(batch)
        for (const { attempt, kind, lane } of batch) if (kind === 'ended') this.#deps.written(attempt.row, lane.name)
        failures = 0
        this.#alone = Math.max(0, this.#alone - 1)
      } catch (error) {
        this.#deps.observe({ kind: 'failed', what: 'reports', error })
        this.#sayAgain(batch, error)
        if (this.#closing && failures >= CLOSING_FAILURES) break
        await systemClock.sleep(backoffMs(failures++, RETRY_MIN_MS, RETRY_MAX_MS))
      }
    }
    this.#writing = null
  }

  /**
   * What is wrong with one report must not keep the others from being heard: they are said one by one, and the one that
   * is refused again without what could be wrong with it. If that does not help either, the others go before it.
   */
  #sayAgain(batch: readonly Report[], error: unknown): void {
    const [report] = batch
    const passes = error instanceof StoaError && error.retryable
    if (passes || batch.length > 1) {
      if (!passes) this.#alone = batch.length
      this.#waiting.unshift(...batch)
    } else if (report?.kind === 'ended') {
      if (report.isBare || !isRefusal(error)) this.#waiting.push(report)
      else this.#waiting.unshift(withoutContents(report))
    }
  }

  async #commit(batch: readonly Report[]): Promise<void> {
    const { ctx, db, observe, wake } = this.#deps
    const tally = new Tally()
    const felt = new Set(batch.filter((report) => this.#isFelt(report)))
    await db.system(ctx, async (tx) => {
      tally.reset()
      tx.later(plannedByIndex(batch.some(({ lane }) => lane.durable) ? 'on' : 'off'))
      const held = felt.size > 0 ? await this.#held(tx, [...felt]) : new Set()
      const isStale = (report: Report) => felt.has(report) && !held.has(nameOf(report))
      this.#writeEnds(tx, batch, tally, isStale)
      for (const report of felt) if (!isStale(report)) this.#announce(tx, report)
    })
    if (tally.lanes.size > 0) wake(tally.lanes)
    if (tally.stale > 0) observe({ kind: 'stale', count: tally.stale })
  }

  /** Whether others feel it: who follows the job, its parent, who wants its key. They must not feel a stale one. */
  #isFelt({ attempt: { row }, kind }: Report): boolean {
    if (row.tracked && this.#deps.announce !== null) return true
    return kind === 'ended' && (row.parentId !== null || row.uniqueKey !== null)
  }

  #writeEnds(tx: Tx, batch: readonly Report[], tally: Tally, isStale: (report: Report) => boolean): void {
    const progress = batch.filter((report) => report.kind === 'progress')
    if (progress.length > 0) tx.later(progressStatement(progress, this.#deps.worker()))
    const ends = batch.filter((report) => report.kind === 'ended')
    if (ends.length === 0) return
    const worker = this.#deps.worker()
    const removed = ends.filter((end) => !isPutOff(end) && dropDay(end) === null)
    const finished = ends.filter((end) => !isPutOff(end) && dropDay(end) !== null)
    const putOff = ends.filter(isPutOff)
    const count = (expected: number) => ({ seen: (row: { count: number }) => tally.changed(expected, row.count) })
    if (removed.length > 0) tx.later(jobsRemoved(...keysOf(removed), worker), count(removed.length))
    if (finished.length > 0) tx.later(finishedStatement(finished, worker), count(finished.length))
    if (putOff.length > 0) tx.later(putOffStatement(putOff, worker), count(putOff.length))
    const all = ends.map((end) => ({ row: end.attempt.row, isOver: !isPutOff(end) && !isStale(end) }))
    writeConsequences(tx, all, tally.lanes, this.#deps.ctx.clock.now())
  }

  /** Which of these attempts are still this worker's, by name. */
  async #held(tx: Tx, reports: readonly Report[]): Promise<ReadonlySet<string>> {
    const rows = await tx.many(attemptsLocked(...keysOf(reports), this.#deps.worker()))
    return new Set(rows.map(({ attempt, id }) => `${id} ${attempt}`))
  }

  #announce(tx: Tx, report: Report): void {
    const { ctx, row } = report.attempt
    const transition = transitionOf(report)
    if (row.tracked && ctx && transition) this.#deps.announce?.(ctx, tx, row, transition)
  }
}

function nameOf({ attempt: { row } }: Report): string {
  return `${row.id} ${row.attempt}`
}

/** What a commit came to. */
class Tally {
  stale = 0
  lanes = new Set<string>()

  reset(): void {
    this.stale = 0
    this.lanes = new Set()
  }

  changed(expected: number, count: number): void {
    this.stale += expected - count
  }
}

/**
 * Whether it is about what is written, and not about the moment: data exceptions, constraints and limits of the database,
 * and what `announce` finds to be no event.
 */
function isRefusal(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(22|23|54)/.test(error.sqlState)
  return error instanceof StoaError || error instanceof TypeError || error instanceof RangeError
}

function withoutContents(report: Ended): Ended {
  const failure = { reason: 'result_invalid', message: 'The database does not take its result.' }
  return { ...report, verdict: { kind: 'dead', failure }, isBare: true }
}

/** A job whose attempt has ended. */
export interface EndedRow {
  readonly row: Pick<ClaimedRow, 'tenantId' | 'id' | 'kind' | 'parentId' | 'uniqueKey' | 'concurrencyKey'>
  /** False when it comes again. */
  readonly isOver: boolean
}

/**
 * What follows for others when jobs end or are put off: a parent that waited, a key, a turn. The lanes of those who may
 * be claimed now are added to `lanes`. Only of attempts that are known to be held: a parent counts whatever it is told.
 *
 * @param now in milliseconds
 */
export function writeConsequences(tx: Tx, ended: readonly EndedRow[], lanes: Set<string>, now: number): void {
  const over = ended.filter(({ isOver }) => isOver).map(({ row }) => row)
  const free = {
    seen: (_: unknown, rows: readonly { lane: string }[]) => {
      for (const { lane } of rows) lanes.add(lane)
    },
  }
  const children = over.filter((row) => row.parentId !== null)
  if (children.length > 0) {
    const parents = children.map((row) => row.parentId as string)
    tx.later(
      parentsReleased(
        children.map((row) => row.tenantId),
        parents,
        new Date(now),
      ),
      free,
    )
  }
  const unique = over.filter((row) => row.uniqueKey !== null)
  if (unique.length > 0) {
    const [tenants, kinds, keys] = columnsOf(unique, (row) => row.uniqueKey as string)
    tx.later(
      uniquesFreed(
        tenants,
        unique.map((row) => row.id),
        kinds,
        keys,
      ),
    )
  }
  const keyed = ended.map(({ row }) => row).filter((row) => row.concurrencyKey !== null)
  if (keyed.length > 0) {
    const keys = columnsOf(keyed, (row) => row.concurrencyKey as string)
    tx.later(turnsLocked(...keys))
    tx.later(turnsGiven(...keys), free)
  }
}

type Row = EndedRow['row']

function columnsOf(rows: readonly Row[], key: (row: Row) => string): [string[], string[], string[]] {
  return [rows.map((row) => row.tenantId), rows.map((row) => row.kind), rows.map(key)]
}

function isPutOff({ verdict }: Ended): boolean {
  return verdict.kind === 'retry' || verdict.kind === 'snooze'
}

/** The day on which what is kept of a job goes; null: nothing is kept. */
function dropDay({ at, attempt, lane, verdict }: Ended): string | null {
  return dropDayOf(at, verdict.kind === 'done' ? lane.keepDays : lane.keepDeadDays, attempt.row.parentId !== null)
}

function keysOf(ends: readonly Report[]): [string[], string[], number[]] {
  return [
    ends.map(({ attempt }) => attempt.row.tenantId),
    ends.map(({ attempt }) => attempt.row.id),
    ends.map(({ attempt }) => attempt.row.attempt),
  ]
}

function finishedStatement(ends: readonly Ended[], worker: string) {
  return jobsFinished(
    ...keysOf(ends),
    worker,
    ends.map(({ verdict }) => verdict.kind),
    ends.map(({ at }) => new Date(at)),
    ends.map((end) => dropDay(end) as string),
    ends.map(({ verdict }) => (verdict.kind === 'done' ? verdict.result : null)),
    ends.map(({ verdict }) => ('failure' in verdict ? JSON.stringify(verdict.failure) : null)),
  )
}

function putOffStatement(ends: readonly Ended[], worker: string) {
  return jobsPutOff(
    ...keysOf(ends),
    worker,
    ends.map(({ verdict }) => new Date((verdict as { at: number }).at)),
    ends.map(({ verdict }) => (verdict.kind === 'retry' ? JSON.stringify(verdict.failure) : null)),
  )
}

function progressStatement(reports: readonly Report[], worker: string) {
  const texts = reports.map(({ attempt }) => JSON.stringify(attempt.unwritten))
  return jobsProgressed(...keysOf(reports), worker, texts)
}

function transitionOf(report: Report): Transition | null {
  if (report.kind === 'started') return { kind: 'started' }
  if (report.kind === 'progress') return report.attempt.unwritten && { kind: 'progress', ...report.attempt.unwritten }
  return transitionTo(report.verdict)
}

/** What is announced of a job's verdict. */
export function transitionTo(verdict: Verdict): Transition {
  switch (verdict.kind) {
    case 'done':
      return { kind: 'done', result: verdict.result === null ? null : JSON.parse(verdict.result) }
    case 'retry':
      return { kind: 'failed', failure: verdict.failure, nextAt: new Date(verdict.at) }
    case 'snooze':
      return { kind: 'snoozed', nextAt: new Date(verdict.at) }
    default:
      return { kind: verdict.kind, failure: verdict.failure }
  }
}
