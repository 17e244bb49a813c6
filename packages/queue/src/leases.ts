/*
 * Jobs that programs outside of this one run, in whatever language: they claim, say from time to time that they still
 * work, and say how it ended.
 *
 *   ready ──claim──► leased ──complete──► done
 *     ▲                │ └──fail──► scheduled, or dead; cancelled when that was asked for
 *     └── the lease ran out: rescued (see lease-rescue.ts)
 *
 * Nothing is known of such a program but what it says, so a lease stands for its life: it lasts for `leaseMs` and is
 * renewed by a heartbeat, up to the time that an attempt may take. Whatever is said is bound to the attempt, by its
 * lease: whoever has lost it changes nothing, and is told so.
 *
 * What holds for an attempt (its time, how often it is tried again) is stored with the lease, because kinds of jobs
 * outside are not this program's: they can change, and go, while their jobs run.
 */
import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, idTime, StoaError } from '@stoa/kernel'
import type { Announce } from './announce.ts'
import { encodedResult } from './attempt.ts'
import { queueErrors } from './errors.ts'
import type { JobDefinition } from './job.ts'
import { JobCtx } from './job-ctx.ts'
import { jobsFinished, jobsProgressed, jobsPutOff, jobsRemoved, plannedByIndex } from './job-store.ts'
import { EXTERNAL_LANE, type Lane } from './lanes.ts'
import {
  claimLocked,
  jobsLeased,
  kindsReady,
  type LeasedRow,
  type LeasePolicy,
  leaseReleased,
  leaseRenewed,
  leasesOfClaim,
  OUTSIDE,
  type ReleasedRow,
} from './lease-store.ts'
import type { LeaseWaits } from './lease-waits.ts'
import { type JobRow, jobById } from './operations-store.ts'
import { transitionTo, writeConsequences } from './reports.ts'
import { dropDayOf } from './retention.ts'
import type { QueueSignal } from './signals.ts'
import { CANCELLED_WHILE_IT_RAN, type JobFailure, type Verdict, verdictAfter } from './verdict.ts'

/** A kind whose jobs are claimed by a lease. */
export interface LeaseKind {
  /** In the lane {@link EXTERNAL_LANE}. Its `timeoutMs` and its retries hold, its `run` is not called. */
  readonly job: JobDefinition
  /** For so long a job is held without a word. In milliseconds, from 1. */
  readonly leaseMs: number
}

/** What is claimed. */
export interface LeaseClaim {
  readonly kinds: readonly LeaseKind[]
  /** At most so many jobs. */
  readonly limit: number
  /**
   * Names the claim, up to 250 characters: the same one again gives what it has given before and is still held, for as
   * long again. For whoever does not know whether he was answered. Default: each claim is another one.
   */
  readonly key?: string
  /** When there is none, how long to wait for one, in milliseconds. Default 0. */
  readonly waitMs?: number
  /** Ends the waiting; then nothing is claimed. */
  readonly signal?: AbortSignal
}

/** A job that is held by a lease. */
export interface LeasedJob extends Held {
  readonly kind: string
  readonly input: unknown
  /** When it was enqueued. */
  readonly enqueuedAt: Date
  /** Until then a word has to come. */
  readonly leaseUntil: Date
  /** The attempt fails when it takes longer. */
  readonly endsAt: Date
}

/** Names an attempt. */
export interface Held {
  readonly id: string
  readonly attempt: number
}

/** What whoever holds a job learns by a heartbeat. */
export interface LeaseState {
  readonly leaseUntil: Date
  readonly endsAt: Date
  /** Somebody wants it to be cancelled: it should end, and be failed. */
  readonly cancelRequested: boolean
}

/** How an attempt failed. */
export interface LeaseFailure {
  readonly message: string
  readonly code?: string
  /** False: it is not tried again. Default true: as its kind says. */
  readonly retry?: boolean
  /** When it is tried again, in milliseconds from now. Default: after the usual wait. */
  readonly retryAfterMs?: number
}

/** Jobs that programs outside run. All of it as the context's tenant. */
export interface Leases {
  /**
   * Claims jobs; of several kinds that first whose job is the oldest. Waiting holds no connection. Not inside of a
   * transaction.
   */
  claim(ctx: Ctx, claim: LeaseClaim): Promise<readonly LeasedJob[]>
  /** Renews the lease, and notes how far the job is. @throws StoaError `job_not_found`, `job_attempt_stale` */
  renew(
    ctx: Ctx,
    held: Held,
    progress?: { readonly fraction: number; readonly note: string | null },
  ): Promise<LeaseState>
  /** Ends it with a result. @throws StoaError `job_not_found`, `job_attempt_stale`, `job_result_too_large` */
  complete(ctx: Ctx, held: Held, result: unknown): Promise<void>
  /** Says that the attempt has failed. @throws StoaError `job_not_found`, `job_attempt_stale` */
  fail(ctx: Ctx, held: Held, failure: LeaseFailure): Promise<void>
}

/** What leases need. */
export interface LeaseDeps {
  readonly db: Database
  /** The system. */
  readonly ctx: BaseCtx
  readonly lanes: ReadonlyMap<string, Lane>
  readonly announce: Announce | null
  readonly waits: LeaseWaits
  observe(signal: QueueSignal): void
  wake(lanes: Iterable<string>): void
  wakeGate(): void
}

/** The leases of a queue. */
export function createLeases(deps: LeaseDeps): Leases {
  const { db } = deps
  return Object.freeze<Leases>({
    claim: (ctx, claim) => claimOrWait(deps, ctx, claim),
    renew: (ctx, held, progress) => db.transaction(ctx, (tx) => renew(deps, ctx, tx, held, progress)),
    async complete(ctx, held, result) {
      const text = encodedResult(result)
      if (text instanceof Error) throw new StoaError(queueErrors.job_result_too_large, { cause: text })
      await end(deps, ctx, held, () => ({ kind: 'done', result: text }))
    },
    fail: (ctx, held, failure) => end(deps, ctx, held, (row) => verdictOf(row, failure, ctx.clock.now())),
  })
}

async function claimOrWait(deps: LeaseDeps, ctx: Ctx, claim: LeaseClaim): Promise<readonly LeasedJob[]> {
  const { key, kinds, limit, signal = null, waitMs = 0 } = claim
  if (signal?.aborted) return []
  const before = await heldBefore(deps, ctx, key)
  if (before.length > 0) return before
  const names = kinds.map(({ job }) => job.name)
  const columns = [names.map(() => ctx.tenant.id), names, names.map(() => limit)] as const
  const ready = await deps.db.systemRead(deps.ctx, (tx) => tx.many(kindsReady(...columns)))
  const found = ready.map(({ kind }) => kind)
  const rows = ready.length === 0 ? [] : await claimNow(deps, ctx, claim, found)
  if (rows.length > 0) return rows.map(leasedJob)
  const wanted = { tenantId: ctx.tenant.id, kinds: names, count: limit, claim: key ?? null }
  const later = await deps.waits.take(wanted, waitMs, signal, (kind) => claimNow(deps, ctx, claim, [kind]))
  // The claim of before may have been waiting as well, and have been given something.
  return later.length > 0 || signal?.aborted ? later.map(leasedJob) : await heldBefore(deps, ctx, key)
}

/** What the same claim was given before. */
async function heldBefore({ db }: LeaseDeps, ctx: Ctx, key: string | undefined): Promise<readonly LeasedJob[]> {
  if (key === undefined) return []
  const rows = await db.transaction(ctx, (tx) => tx.many(leasesOfClaim(ctx.tenant.id, key)))
  return rows.sort(byAge).map(leasedJob)
}

/** @param names of those kinds that have jobs, in this order */
function claimNow(
  deps: LeaseDeps,
  ctx: Ctx,
  { key, kinds, limit }: LeaseClaim,
  names: readonly string[],
): Promise<readonly LeasedRow[]> {
  return deps.db.transaction(ctx, async (tx) => {
    const rows: LeasedRow[] = []
    tx.later(plannedByIndex('on'))
    if (key !== undefined) {
      tx.later(claimLocked(ctx.tenant.id, key))
      const before = await tx.many(leasesOfClaim(ctx.tenant.id, key))
      if (before.length > 0) return before.sort(byAge)
    }
    for (const kind of names) {
      const { job, leaseMs } = kinds.find((one) => one.job.name === kind) as LeaseKind
      const { retries, retryMaxMs, retryMinMs, timeoutMs } = job
      const policy: LeasePolicy = { leaseMs, retries, retryMinMs, retryMaxMs }
      const asked = [
        ctx.tenant.id,
        kind,
        limit - rows.length,
        leaseMs,
        timeoutMs,
        JSON.stringify(policy),
        key ?? null,
      ] as const
      rows.push(...(await tx.many(jobsLeased(...asked))).sort(byAge))
      if (rows.length === limit) break
    }
    for (const row of rows.filter(({ tracked }) => tracked)) {
      deps.announce?.(jobCtx(ctx, row), tx, row, { kind: 'started' })
    }
    tx.afterCommit(() => {
      for (const { id, kind, runAt } of rows) {
        const waitedMs = ctx.clock.now() - runAt.getTime()
        deps.observe({ kind: 'started', job: kind, lane: EXTERNAL_LANE, id, waitedMs })
      }
      if (key !== undefined && rows.length > 0) deps.waits.answered(ctx.tenant.id, key)
    })
    return rows
  })
}

function byAge(a: LeasedRow, b: LeasedRow): number {
  return a.runAt.getTime() - b.runAt.getTime() || (a.id < b.id ? -1 : 1)
}

function leasedJob({ attempt, endsAt, id, input, kind, leaseUntil }: LeasedRow): LeasedJob {
  return { id, kind, attempt, input, enqueuedAt: idTime(id), leaseUntil, endsAt }
}

async function renew(
  ...[{ announce }, ctx, tx, held, progress]: [LeaseDeps, Ctx, Tx, Held, Parameters<Leases['renew']>[2]]
): Promise<LeaseState> {
  const { attempt, id } = held
  tx.later(plannedByIndex('on'))
  const row = await tx.maybe(leaseRenewed(ctx.tenant.id, id, attempt))
  if (!row) return await refuse(ctx, tx, held)
  if (progress) {
    tx.later(jobsProgressed([ctx.tenant.id], [id], [attempt], OUTSIDE, [JSON.stringify(progress)]))
    if (row.tracked) announce?.(jobCtx(ctx, row), tx, row, { kind: 'progress', ...progress })
  }
  const { cancelRequested, endsAt, leaseUntil } = row
  return { cancelRequested, endsAt, leaseUntil }
}

function end(deps: LeaseDeps, ctx: Ctx, held: Held, verdictFor: (row: ReleasedRow) => Verdict): Promise<void> {
  return deps.db.transaction(ctx, async (tx) => {
    tx.later(plannedByIndex('on'))
    const row = await tx.maybe(leaseReleased(ctx.tenant.id, held.id, held.attempt))
    if (!row) return await refuse(ctx, tx, held)
    writeVerdict(deps, jobCtx(ctx, row), tx, row, verdictFor(row))
  })
}

function verdictOf({ cancelRequested, failures, policy }: ReleasedRow, failed: LeaseFailure, now: number): Verdict {
  if (cancelRequested) return CANCELLED_WHILE_IT_RAN
  const { code, message, retry = true, retryAfterMs = null } = failed
  const failure: JobFailure = { reason: 'reported', message, ...(code !== undefined && { code }) }
  return retry ? verdictAfter(failure, retryAfterMs, policy, failures, now) : { kind: 'dead', failure }
}

/** What writing a verdict needs. */
export type VerdictDeps = Pick<LeaseDeps, 'announce' | 'lanes' | 'observe' | 'wake' | 'wakeGate'>

/** Ends an attempt whose lease was just released. @param ctx the job's */
export function writeVerdict(deps: VerdictDeps, ctx: Ctx, tx: Tx, row: ReleasedRow, verdict: Verdict): void {
  const { announce, lanes, observe, wake, wakeGate } = deps
  const now = ctx.clock.now()
  const key = [[row.tenantId], [row.id], [row.attempt], OUTSIDE] as const
  const isPutOff = verdict.kind === 'retry' || verdict.kind === 'snooze'
  if (isPutOff) {
    const error = verdict.kind === 'retry' ? JSON.stringify(verdict.failure) : null
    tx.later(jobsPutOff(...key, [new Date(verdict.at)], [error]))
  } else {
    const { keepDays, keepDeadDays } = lanes.get(EXTERNAL_LANE) as Lane
    const drop = dropDayOf(now, verdict.kind === 'done' ? keepDays : keepDeadDays, row.parentId !== null)
    const result = verdict.kind === 'done' ? verdict.result : null
    const error = verdict.kind === 'done' ? null : JSON.stringify(verdict.failure)
    if (drop === null) tx.later(jobsRemoved(...key))
    else tx.later(jobsFinished(...key, [verdict.kind], [new Date(now)], [drop], [result], [error]))
  }
  const woken = new Set<string>()
  writeConsequences(tx, [{ row, isOver: !isPutOff }], woken, now)
  if (row.tracked) announce?.(ctx, tx, row, transitionTo(verdict))
  tx.afterCommit(() => {
    const ranMs = Math.max(0, now - row.startedAt.getTime())
    observe({ kind: 'ended', job: row.kind, lane: EXTERNAL_LANE, id: row.id, outcome: verdict.kind, ranMs })
    if (woken.size > 0) wake(woken)
    if (isPutOff) wakeGate()
  })
}

function jobCtx(ctx: Ctx, row: Pick<ReleasedRow, 'id' | 'kind' | 'attempt' | 'origin'>): Ctx {
  return new JobCtx(ctx, ctx.tenant, row, () => new AbortController().signal)
}

/** Says why somebody does not hold an attempt. */
async function refuse(ctx: Ctx, tx: Tx, { attempt, id }: Held): Promise<never> {
  const job = await tx.maybe(jobById(ctx.tenant.id, id))
  if (!job) throw new StoaError(queueErrors.job_not_found)
  throw new StoaError(queueErrors.job_attempt_stale, { message: whyStale(job, attempt) })
}

function whyStale(job: JobRow, attempt: number): string {
  if (job.lane !== EXTERNAL_LANE) return 'Jobs of this kind are run by the program itself.'
  if (attempt > job.attempt) return `There was no attempt ${attempt}: the last one is ${job.attempt}.`
  const over = `Attempt ${attempt} is over`
  switch (job.state) {
    case 'done':
      return attempt === job.attempt ? 'It is done already.' : `${over}: the job is done by attempt ${job.attempt}.`
    case 'dead':
      return `${over}: the job was given up.`
    case 'cancelled':
      return `${over}: the job was cancelled.`
    case 'running':
      return `${over}: the job was given to attempt ${job.attempt}.`
    default:
      return `${over}: the job waits for the next one.`
  }
}
