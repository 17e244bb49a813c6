/* What people and programs do to jobs, besides enqueuing and running them. All of it as the context's tenant. */
import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, StoaError } from '@stoa/kernel'
import type { Announce } from './announce.ts'
import { queueErrors } from './errors.ts'
import type { Lane } from './lanes.ts'
import {
  cancelRequested,
  deadLetters,
  depths,
  type JobRow,
  type JobState,
  jobById,
  jobCancelled,
  jobHurried,
  jobList,
  jobsRedriven,
  oldestReady,
} from './operations-store.ts'
import { writeConsequences } from './reports.ts'
import { dropDayOf } from './retention.ts'
import { paused, pauses, resumed } from './worker-store.ts'

/** How much waits in a lane. */
export interface LaneDepth {
  readonly lane: string
  /** Counted up to 100 000. */
  readonly ready: number
  readonly scheduled: number
  readonly held: number
  /** How long the job has waited that has waited longest, in milliseconds; 0 when none waits. */
  readonly oldestMs: number
}

/** Which jobs {@link Operations.list} gives. */
export interface JobFilter {
  readonly states?: readonly JobState[]
  readonly kind?: string
  /** Only jobs whose kind was tracked when they were enqueued. Default false. */
  readonly tracked?: boolean
  /** Jobs made before the one with this id. */
  readonly before?: string
  /** 1–500; default 50. */
  readonly limit?: number
}

/** What can be done to jobs. */
export interface Operations {
  /** @throws StoaError `job_not_found` */
  job(ctx: Ctx, id: string): Promise<JobRow>
  /** The newest first. */
  list(ctx: Ctx, filter?: JobFilter): Promise<readonly JobRow[]>
  /**
   * Cancels a job: at once when it waits; when it runs, its signal aborts, and it may still end in another way.
   *
   * @returns whether it is cancelled already
   * @throws StoaError `job_not_found`, `job_finished`
   */
  cancel(ctx: Ctx, id: string): Promise<boolean>
  /** Runs a job now that waits for its next attempt. @throws StoaError `job_not_found`, `conflict` */
  retry(ctx: Ctx, id: string): Promise<void>
  /** Makes a dead letter or a cancelled job new. @throws StoaError `job_not_found`, `job_not_finished` */
  redrive(ctx: Ctx, id: string): Promise<void>
  /** Makes all dead letters new, of one kind or of all, each once. @returns how many */
  redriveAll(ctx: Ctx, kind?: string): Promise<number>
  /** Nothing of the lane or of the kind is claimed any more, in the whole installation; what runs goes on. */
  pause(what: { readonly lane: string } | { readonly kind: string }): Promise<void>
  resume(what: { readonly lane: string } | { readonly kind: string }): Promise<void>
  /** What is paused: `lane:bulk`, `kind:mail.send`. */
  paused(): Promise<readonly string[]>
  /** Over all tenants. */
  depths(): Promise<readonly LaneDepth[]>
}

/** What operations need. */
export interface OperationsDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly lanes: ReadonlyMap<string, Lane>
  readonly announce: Announce | null
  wake(lanes: Iterable<string>): void
  wakeGate(): void
  wakeControl(): void
}

const REDRIVEN_AT_ONCE = 500
const CANCELLED = { reason: 'cancelled', message: 'It was cancelled before it ran.' }

/** The operations of a queue. */
export function createOperations(deps: OperationsDeps): Operations {
  const { ctx: system, db, lanes } = deps
  return Object.freeze<Operations>({
    async job(ctx, id) {
      const row = await db.read(ctx, (tx) => tx.maybe(jobById(ctx.tenant.id, id)))
      if (!row) throw new StoaError(queueErrors.job_not_found)
      return row
    },
    list(ctx, { before, kind, limit = 50, states, tracked = false } = {}) {
      if (!(limit >= 1 && limit <= 500)) throw new RangeError('limit must be 1 to 500')
      const filter = [states ?? null, kind ?? null, before ?? null, limit, tracked] as const
      return db.read(ctx, (tx) => tx.many(jobList(ctx.tenant.id, ...filter)))
    },
    cancel: (ctx, id) => db.transaction(ctx, (tx) => cancel(deps, ctx, tx, id)),
    retry: (ctx, id) => db.transaction(ctx, (tx) => retry(deps, ctx, tx, id)),
    async redrive(ctx, id) {
      if ((await redriven(deps, ctx, [id], ['dead', 'cancelled'])) > 0) return
      await db.read(ctx, (tx) => refuseRedrive(ctx, tx, id))
    },
    redriveAll: (ctx, kind) => redriveAll(deps, ctx, kind),
    async pause(what) {
      await db.system(system, (tx) => tx.run(paused(nameOf(what), new Date(system.clock.now()))))
      deps.wakeControl()
    },
    async resume(what) {
      await db.system(system, (tx) => tx.run(resumed(nameOf(what))))
      deps.wakeControl()
    },
    async paused() {
      const rows = await db.systemRead(system, (tx) => tx.many(pauses()))
      return rows.map(({ what }) => what)
    },
    depths: () => laneDepths(db, system, [...lanes.keys()]),
  })
}

async function cancel(deps: OperationsDeps, ctx: Ctx, tx: Tx, id: string): Promise<boolean> {
  const at = ctx.clock.now()
  // Its lane is not known yet; a cancelled job is kept as long as the lane with the longest memory keeps dead letters.
  const keepDays = Math.max(1, ...[...deps.lanes.values()].map((lane) => lane.keepDeadDays))
  const dropOn = dropDayOf(at, keepDays) as string
  const row = await tx.maybe(jobCancelled(ctx.tenant.id, id, new Date(at), dropOn, JSON.stringify(CANCELLED)))
  if (row) {
    const lanes = new Set<string>()
    writeConsequences(tx, [{ row, isOver: true }], lanes, at)
    if (row.tracked) deps.announce?.(ctx, tx, row, { kind: 'cancelled', failure: CANCELLED })
    tx.afterCommit(() => deps.wake(lanes))
    return true
  }
  if ((await tx.run(cancelRequested(ctx.tenant.id, id))) === 0) {
    const job = await tx.maybe(jobById(ctx.tenant.id, id))
    if (!job) throw new StoaError(queueErrors.job_not_found)
    if (job.finishedAt) throw new StoaError(queueErrors.job_finished)
    // It ran when it was to be cancelled as one that waits, and waited again when it was to be asked.
    return await cancel(deps, ctx, tx, id)
  }
  tx.afterCommit(() => deps.wakeControl())
  return false
}

async function retry({ wake, wakeGate }: OperationsDeps, ctx: Ctx, tx: Tx, id: string): Promise<void> {
  const row = await tx.maybe(jobHurried(ctx.tenant.id, id, new Date(ctx.clock.now())))
  if (row) {
    tx.afterCommit(() => {
      wake([row.lane])
      wakeGate()
    })
    return
  }
  const job = await tx.maybe(jobById(ctx.tenant.id, id))
  if (!job) throw new StoaError(queueErrors.job_not_found)
  if (job.finishedAt) throw new StoaError(queueErrors.job_finished)
  // Ready, held, waiting or running: it goes as soon as it can.
}

/** @returns how many became new */
function redriven(
  deps: OperationsDeps,
  ctx: Ctx,
  ids: readonly string[],
  outcomes: readonly string[],
): Promise<number> {
  return deps.db.transaction(ctx, async (tx) => {
    const rows = await tx.many(jobsRedriven(ctx.tenant.id, ids, outcomes, new Date(ctx.clock.now())))
    for (const row of rows) if (row.tracked) deps.announce?.(ctx, tx, row, { kind: 'queued' })
    tx.afterCommit(() => {
      deps.wake(new Set(rows.map(({ lane }) => lane)))
      if (rows.some(({ keyed }) => keyed)) deps.wakeGate()
    })
    return rows.length
  })
}

async function refuseRedrive(ctx: Ctx, tx: Tx, id: string): Promise<never> {
  const job = await tx.maybe(jobById(ctx.tenant.id, id))
  if (!job) throw new StoaError(queueErrors.job_not_found)
  if (job.state === 'done') throw new StoaError(queueErrors.job_finished)
  throw new StoaError(queueErrors.job_not_finished)
}

/** Each once: what is dead again by the time that all have been gone through stays so. */
async function redriveAll(deps: OperationsDeps, ctx: Ctx, kind: string | null = null): Promise<number> {
  let count = 0
  for (let after: string | null = null; ; ) {
    const page = deadLetters(ctx.tenant.id, kind, after, REDRIVEN_AT_ONCE)
    const ids = (await deps.db.read(ctx, (tx) => tx.many(page))).map(({ id }) => id)
    if (ids.length === 0) return count
    count += await redriven(deps, ctx, ids, ['dead'])
    after = ids.at(-1) ?? null
  }
}

async function laneDepths(db: Database, ctx: BaseCtx, lanes: readonly string[]): Promise<readonly LaneDepth[]> {
  const [counts, oldest] = await db.systemRead(ctx, (tx) =>
    Promise.all([tx.many(depths(lanes)), tx.many(oldestReady(lanes))]),
  )
  const now = ctx.clock.now()
  return lanes.map((lane) => {
    const count = (state: string) => counts.find((row) => row.lane === lane && row.state === state)?.count ?? 0
    const at = oldest.find((row) => row.lane === lane)?.at.getTime() ?? now
    return {
      lane,
      ready: count('ready'),
      scheduled: count('scheduled'),
      held: count('held'),
      oldestMs: Math.max(0, now - at),
    }
  })
}

function nameOf(what: { readonly lane: string } | { readonly kind: string }): string {
  return 'lane' in what ? `lane:${what.lane}` : `kind:${what.kind}`
}
