/*
 * Work that comes again and again. A schedule is a row that says when it comes next; whoever locks the row when its time
 * has come enqueues the job and moves the row on, in one commit. So a time is neither missed nor doubled, however many
 * workers there are, and none of them has to be the leader: a leader that dies would hold everything up for its lease.
 * Times that passed while nobody worked come once, not once for each.
 *
 * Where the clocks of the time zone jump forward, a time that does not exist comes when the jump is over; where they go
 * back, a time that exists twice comes at the first.
 */
import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, type Repeating, repeat, StoaError, systemClock, tenantCtx } from '@stoa/kernel'
import { Cron } from 'croner'
import type { Static, TSchema } from 'typebox'
import { newJob } from './enqueue.ts'
import { queueErrors } from './errors.ts'
import type { JobDefinition } from './job.ts'
import type { JobTenants } from './job-ctx.ts'
import type { Queue } from './queue.ts'
import {
  type ScheduleRow,
  scheduleCame,
  scheduleList,
  scheduleRemoved,
  scheduleSet,
  schedulesDue,
} from './schedule-store.ts'

/** What {@link Schedules.set} takes. */
export interface ScheduleSpec<T extends TSchema = TSchema> {
  /** Unique in the tenant, up to 100 characters. */
  readonly name: string
  readonly job: JobDefinition<T>
  readonly input: Static<T>
  /** Minute, hour, day of month, month, day of week: `0 9 * * MON-FRI`; also `L` and `#`. Or six fields, with seconds. */
  readonly cron: string
  /** IANA name. Default `UTC`. */
  readonly timeZone?: string
}

/** The schedules of tenants. */
export interface Schedules {
  /**
   * Makes a schedule, or changes the one of this name. Saying the same again changes nothing, so a program may say it
   * at each start.
   *
   * @throws StoaError `job_schedule_invalid`, `job_input_invalid`, `job_input_too_large`
   */
  set<T extends TSchema>(ctx: Ctx, spec: ScheduleSpec<T>): Promise<ScheduleRow>
  /** @throws StoaError `job_schedule_not_found` */
  remove(ctx: Ctx, name: string): Promise<void>
  list(ctx: Ctx): Promise<readonly ScheduleRow[]>
}

const AT_ONCE = 100
const MAX_NAME_LENGTH = 100

/** The schedules of a queue. */
export function createSchedules(db: Database): Schedules {
  return Object.freeze<Schedules>({
    async set(ctx, { cron, input, job, name, timeZone = 'UTC' }) {
      if (name.length === 0 || name.length > MAX_NAME_LENGTH || name.includes('\0')) {
        throw invalid(`A schedule's name has 1 to ${MAX_NAME_LENGTH} characters.`)
      }
      const next = nextTime(cron, timeZone, ctx.clock.now())
      if (next === null) throw invalid(`'${cron}' never comes.`)
      const text = newJob(ctx, job, input).input
      return db.transaction(ctx, (tx) => tx.one(scheduleSet(ctx.tenant.id, name, job.name, cron, timeZone, text, next)))
    },
    async remove(ctx, name) {
      const count = await db.transaction(ctx, (tx) => tx.run(scheduleRemoved(ctx.tenant.id, name)))
      if (count === 0) throw new StoaError(queueErrors.job_schedule_not_found)
    },
    list: (ctx) => db.read(ctx, (tx) => tx.many(scheduleList(ctx.tenant.id))),
  })
}

/**
 * The next time after `after` (milliseconds), or null when there is none.
 *
 * @throws StoaError `job_schedule_invalid` when the pattern or the time zone cannot be read
 */
function nextTime(cron: string, timeZone: string, after: number): Date | null {
  try {
    return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(after))
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.slice(0, 200) : 'The schedule cannot be read.', cause)
  }
}

function invalid(message: string, cause?: unknown): StoaError {
  return new StoaError(queueErrors.job_schedule_invalid, { message, cause })
}

/** What the timetable of a worker needs. */
export interface TimetableDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly tenants: JobTenants
  readonly pollMs: number
  definition(kind: string): JobDefinition | undefined
  /** All that it knows. */
  kinds(): readonly string[]
  enqueue: Queue['enqueue']
  enqueueOnce: Queue['enqueueOnce']
  onError(error: unknown): void
}

/** Enqueues what schedules bring, until disposed. */
export function keepTimetable(deps: TimetableDeps): Repeating {
  const { db, ctx, kinds, onError, pollMs } = deps
  const come = () =>
    db.system(ctx, async (tx) => {
      const due = await tx.many(schedulesDue(new Date(ctx.clock.now()), kinds(), AT_ONCE))
      for (const row of due) await comes(deps, tx, row)
      return due.length
    })
  const comeAll = async () => {
    while ((await come()) === AT_ONCE);
  }
  return repeat(comeAll, { clock: systemClock, firstMs: 1, everyMs: pollMs, onError })
}

async function comes(deps: TimetableDeps, tx: Tx, row: ScheduleRow): Promise<void> {
  const { ctx, definition, tenants } = deps
  const { cron, kind, name, tenantId, timeZone } = row
  const job = definition(kind) as JobDefinition
  const tenant = tenants.known(tenantId) ?? (await tenants.find(tenantId))
  const now = ctx.clock.now()
  let id: string | null = null
  if (tenant) {
    const own = tenantCtx(ctx, tenant, { actor: { type: 'system', id: `schedule:${name}` } })
    try {
      id = await enqueuedBy(deps, own, tx, job, row.input)
    } catch (err) {
      // What the database did not take is undone with all the others, and comes again.
      if (!(err instanceof StoaError)) throw err
      ctx.log.error({ err, schedule: name, tenant: tenant.slug }, 'a schedule came and its job was refused')
    }
  }
  tx.later(scheduleCame(tenantId, name, new Date(now), id, nextOf(cron, timeZone, now)))
}

/** Of a unique kind it may be the job that is there: the last time's, say, which still runs. */
async function enqueuedBy(deps: TimetableDeps, ctx: Ctx, tx: Tx, job: JobDefinition, input: unknown): Promise<string> {
  return job.unique ? (await deps.enqueueOnce(ctx, tx, job, input)).id : deps.enqueue(ctx, tx, job, input)
}

function nextOf(cron: string, timeZone: string, now: number): Date | null {
  try {
    return nextTime(cron, timeZone, now)
  } catch {
    // It could be read when it was set; time zones come and go.
    return null
  }
}
