import { statement } from '@stoa/db'

/** A schedule as it is stored. */
export interface ScheduleRow {
  readonly tenantId: string
  readonly name: string
  readonly kind: string
  readonly cron: string
  readonly timeZone: string
  readonly input: unknown
  /** Null when it never comes again. */
  readonly nextAt: Date | null
  readonly lastAt: Date | null
  readonly lastJobId: string | null
}

const COLUMNS = 'tenant_id, name, kind, cron, time_zone, input, next_at, last_at, last_job_id'

/** Makes a schedule or changes it. One that says what it said keeps its next time. */
export const scheduleSet = statement<
  [tenantId: string, name: string, kind: string, cron: string, timeZone: string, input: string, nextAt: Date],
  ScheduleRow
>(`
insert into stoa.job_schedules as s (tenant_id, name, kind, cron, time_zone, input, next_at) values ($1, $2, $3, $4, $5, $6::json, $7)
on conflict (tenant_id, name) do update set kind = excluded.kind, cron = excluded.cron, time_zone = excluded.time_zone, input = excluded.input,
  next_at = case when s.cron = excluded.cron and s.time_zone = excluded.time_zone then coalesce(s.next_at, excluded.next_at) else excluded.next_at end
returning ${COLUMNS}`)

export const scheduleRemoved = statement<[tenantId: string, name: string], never>(
  'delete from stoa.job_schedules where tenant_id = $1 and name = $2',
)

export const scheduleList = statement<[tenantId: string], ScheduleRow>(
  `select ${COLUMNS} from stoa.job_schedules where tenant_id = $1 order by name`,
)

/**
 * Schedules of these kinds whose time has come, for whoever is first: the others pass over them. Those of other kinds
 * wait for a worker that knows them, and nobody waits behind them.
 */
export const schedulesDue = statement<[now: Date, kinds: readonly string[], limit: number], ScheduleRow>(
  `select ${COLUMNS} from stoa.job_schedules where next_at <= $1 and kind = any ($2::text[])
order by next_at limit $3 for update skip locked`,
)

/** The schedule came, and comes again. */
export const scheduleCame = statement<
  [tenantId: string, name: string, at: Date, jobId: string | null, nextAt: Date | null],
  never
>(
  `update stoa.job_schedules set last_at = $3, last_job_id = coalesce($4, last_job_id), next_at = $5 where tenant_id = $1 and name = $2`,
)
