/* What people ask of jobs, and do to them. Run as the tenant, or as stoa_system over all tenants. */
import { statement } from '@stoa/db'
import { keptFrom, type LiveState, type Origin, READY } from './job-store.ts'
import type { JobFailure } from './verdict.ts'

/** Where a job stands, finished or not. */
export type JobState = LiveState | 'done' | 'dead' | 'cancelled'

/** A job as it is shown. */
export interface JobRow {
  readonly tenantId: string
  readonly id: string
  readonly kind: string
  readonly lane: string
  /** Minus the priority. */
  readonly rank: number
  readonly state: JobState
  readonly attempt: number
  readonly failures: number
  readonly rescues: number
  /** When it may run, or could; null once it is finished. */
  readonly runAt: Date | null
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  readonly input: unknown
  readonly origin: Origin
  readonly parentId: string | null
  readonly progress: { readonly fraction: number; readonly note: string | null } | null
  readonly result: unknown
  readonly error: JobFailure | null
  readonly cancelRequested: boolean
  readonly tracked: boolean
}

const LIVE = `tenant_id, id, kind, lane, rank, state, attempt, failures, rescues, run_at, started_at, null::timestamptz as finished_at,
  input, origin, parent_id, progress, null::jsonb as result, error, cancel_requested, tracked`
const FINISHED = `tenant_id, id, kind, lane, rank, outcome as state, attempt, failures, rescues, null::timestamptz as run_at, started_at, finished_at,
  input, origin, parent_id, progress, result, error, false as cancel_requested, tracked`

/** A job, wherever it is. */
export const jobById = statement<[tenantId: string, id: string], JobRow>(
  `select ${LIVE} from stoa.jobs where tenant_id = $1 and id = $2
union all
select ${FINISHED} from stoa.jobs_finished where tenant_id = $1 and id = $2
limit 1`,
)

/** Jobs of a tenant, the newest first: of these states and this kind, before this id; null: whatever. */
export const jobList = statement<
  [
    tenantId: string,
    states: readonly string[] | null,
    kind: string | null,
    before: string | null,
    limit: number,
    tracked: boolean,
  ],
  JobRow
>(`
(select ${LIVE} from stoa.jobs
 where tenant_id = $1 and ($2::text[] is null or state = any ($2)) and ($3::text is null or kind = $3) and ($4::uuid is null or id < $4)
   and (tracked or not $6)
 order by id desc limit $5)
union all
(select ${FINISHED} from stoa.jobs_finished
 where tenant_id = $1 and ($2::text[] is null or outcome = any ($2)) and ($3::text is null or kind = $3) and ($4::uuid is null or id < $4)
   and (tracked or not $6)
 order by id desc limit $5)
order by id desc limit $5`)

/** Cancels a job that does not run, and keeps that it was. */
export const jobCancelled = statement<
  [tenantId: string, id: string, now: Date, dropOn: string, failure: string],
  {
    id: string
    kind: string
    lane: string
    attempt: number
    tenantId: string
    parentId: string | null
    uniqueKey: string | null
    concurrencyKey: string | null
    tracked: boolean
    origin: Origin
  }
>(`
with gone as (
  delete from stoa.jobs where tenant_id = $1 and id = $2 and state <> 'running'
  returning *, 'cancelled' as outcome, $3::timestamptz as finished_at, $4::date as drop_on, null::jsonb as result, $5::jsonb as last_error
), kept as (
${keptFrom('gone')}
)
select id, kind, lane, attempt, tenant_id, parent_id, unique_key, concurrency_key, tracked, origin from gone`)

/** Asks the worker that runs the job to cancel it. */
export const cancelRequested = statement<[tenantId: string, id: string], never>(
  "update stoa.jobs set cancel_requested = true where tenant_id = $1 and id = $2 and state = 'running'",
)

/** Lets a job that waits for its next attempt go at once. */
export const jobHurried = statement<[tenantId: string, id: string, now: Date], { lane: string }>(
  `update stoa.jobs set run_at = $3, state = case when concurrency_key is null then 'ready' else 'held' end
where tenant_id = $1 and id = $2 and state = 'scheduled' returning lane`,
)

/**
 * Makes finished jobs new: with the same id and input, as if they had never failed. Their attempts are counted on, so
 * an attempt of before cannot finish them. A key that was unique, and a parent that waited, are no longer theirs.
 */
export const jobsRedriven = statement<
  [tenantId: string, ids: readonly string[], outcomes: readonly string[], now: Date],
  { id: string; kind: string; lane: string; attempt: number; tracked: boolean; keyed: boolean }
>(`
with gone as (
  delete from stoa.jobs_finished where tenant_id = $1 and id = any ($2::uuid[]) and outcome = any ($3::text[]) returning *
), born as (
  insert into stoa.jobs (tenant_id, id, kind, lane, rank, state, attempt, run_at, input, origin, concurrency_key, concurrency_limit, tracked, error)
  select tenant_id, id, kind, lane, rank, case when concurrency_key is null then 'ready' else 'held' end, attempt, $4,
    input, origin, concurrency_key, concurrency_limit, tracked, error
  from gone
)
select id, kind, lane, attempt, tracked, concurrency_key is not null as keyed from gone`)

/** Ids of a tenant's dead letters, of one kind or of all, the oldest first, behind this one; null: from the first. */
export const deadLetters = statement<
  [tenantId: string, kind: string | null, after: string | null, limit: number],
  { id: string }
>(
  `select id from stoa.jobs_finished
where tenant_id = $1 and outcome = 'dead' and ($2::text is null or kind = $2) and ($3::uuid is null or id > $3) order by id limit $4`,
)

/**
 * Since when the job waits that waits longest, by lane. It is found by stepping through the index from tenant to
 * tenant, because the first of each is its oldest.
 */
export const oldestReady = statement<[lanes: readonly string[]], { lane: string; at: Date }>(`
with recursive first as (
  select head.* from unnest($1::text[]) as asked (lane) cross join lateral (
    select j.lane, j.rank, j.tenant_id, j.run_at from stoa.jobs j
    where j.lane = asked.lane and ${READY} order by j.rank, j.tenant_id, j.run_at, j.id limit 1
  ) head
  union all
  select next.* from first cross join lateral (
    select j.lane, j.rank, j.tenant_id, j.run_at from stoa.jobs j
    where j.lane = first.lane and ${READY} and (j.rank, j.tenant_id) > (first.rank, first.tenant_id)
    order by j.rank, j.tenant_id, j.run_at, j.id limit 1
  ) next
)
select lane, min(run_at) as at from first group by lane`)

/** How many jobs there are by lane and state; at most 100 000 are counted, of `ready` in each lane. */
export const depths = statement<[lanes: readonly string[]], { lane: string; state: LiveState; count: number }>(`
select asked.lane, 'ready' as state, ready.count from unnest($1::text[]) as asked (lane) cross join lateral (
  select count(*)::integer as count from (select 1 from stoa.jobs j where j.lane = asked.lane and ${READY} limit 100000) counted
) ready
union all
select lane, 'scheduled', count(*)::integer from (select lane from stoa.jobs where indexed_state = 'scheduled' limit 100000) counted group by lane
union all
select lane, 'held', count(*)::integer
from (select lane from stoa.jobs where concurrency_key is not null and indexed_state = 'held' limit 100000) counted group by lane`)
