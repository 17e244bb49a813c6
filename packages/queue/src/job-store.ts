/* What happens to jobs that are not finished. Workers act for all tenants, so their statements run as stoa_system. */
import { type AdminSession, statement } from '@stoa/db'

/** Where a job that is not finished stands. */
export type LiveState = 'ready' | 'scheduled' | 'held' | 'waiting' | 'running'

/** A job that was just claimed. */
export interface ClaimedRow {
  readonly tenantId: string
  readonly id: string
  readonly kind: string
  readonly rank: number
  readonly attempt: number
  readonly failures: number
  readonly runAt: Date
  readonly input: unknown
  readonly origin: Origin
  readonly uniqueKey: string | null
  readonly concurrencyKey: string | null
  readonly parentId: string | null
  readonly tracked: boolean
  /** Somebody wanted it cancelled while an attempt before this one ran. */
  readonly cancelRequested: boolean
}

/** Who asked for a job: what its context is made of. */
export interface Origin {
  readonly actor: { readonly type: string; readonly id: string }
  readonly permissions: readonly string[]
  /** Permissions on single resources, by `kind:id`; absent when there are none. */
  readonly grants?: Readonly<Record<string, readonly string[]>>
  readonly requestId: string
  readonly traceId: string | null
}

/** What few jobs have, as the object in the column of the statement; absent when it is nothing. */
export interface Extras {
  readonly concurrencyKey?: string
  readonly concurrencyLimit?: number
  readonly uniqueKey?: string
  readonly parentId?: string
  readonly awaits?: number
  readonly tracked?: true
}

/**
 * What may be claimed. Indexes find it by its indexed state, under which they still have what was claimed a moment ago:
 * see the migration `0008_jobs_in_place`.
 */
export const READY = "indexed_state = 'ready' and state = 'ready'"

type EnqueueColumns = [
  tenantIds: readonly string[],
  ids: readonly string[],
  kinds: readonly string[],
  lanes: readonly string[],
  ranks: readonly number[],
  states: readonly LiveState[],
  runAts: readonly Date[],
  inputs: readonly string[],
  origins: readonly string[],
  extras: readonly (string | null)[],
]

const COLUMNS =
  '$1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::timestamptz[], $8::json[], $9::json[], $10::jsonb[]'
const NAMES = 'tenant_id, id, kind, lane, rank, state, run_at, input, origin, extras'
const ARRIVED = `unnest(${COLUMNS}) as arrived (${NAMES})`
const ARRIVED_HANDED = `unnest(${COLUMNS}, $12::boolean[]) as arrived (${NAMES}, handed_over)`

const ALWAYS = 'tenant_id, id, kind, lane, rank, run_at, input, origin'
const SELDOM = 'unique_key, concurrency_key, concurrency_limit, parent_id, awaits, tracked'
const SELDOM_ARRIVED = `extras->>'uniqueKey', extras->>'concurrencyKey', (extras->>'concurrencyLimit')::integer, (extras->>'parentId')::uuid,
  coalesce((extras->>'awaits')::integer, 0), coalesce((extras->>'tracked')::boolean, false)`

const INSERTION = `insert into stoa.jobs (${ALWAYS}, state, ${SELDOM})
select ${ALWAYS}, state, ${SELDOM_ARRIVED}`

/**
 * Who is not there any more claims nothing: his jobs have been given to others, and these would be forgotten. The lock
 * has whoever gives him up wait for this claim, and then find it.
 */
function present(worker: string): string {
  return `present as materialized (select id from stoa.job_workers where id = ${worker} for key share)`
}

/** Adds jobs: one, or all that were enqueued at the same time, by one statement and so with one flush to the disk. */
export const jobsEnqueued = statement<EnqueueColumns, never>(`${INSERTION} from ${ARRIVED}`)

/**
 * Adds jobs of which some are handed over: they are born as what the worker has claimed, without a claim, and out of the
 * way of claims. When it is not there any more, they are born as the others are.
 */
export const jobsHandedOver = statement<
  [...EnqueueColumns, worker: string, handedOver: readonly boolean[]],
  { isPresent: boolean }
>(`
with ${present('$11')}, born as (
  insert into stoa.jobs (${ALWAYS}, state, attempt, worker, started_at, runs_long, ${SELDOM})
  select ${ALWAYS}, case when begins then 'running' else state end, begins::integer,
    case when begins then $11 end::uuid, case when begins then clock_timestamp() end, begins, ${SELDOM_ARRIVED}
  from (
    select arrived.*, handed_over and exists (select 1 from present) as begins
    from ${ARRIVED_HANDED}
  ) arrived
)
select exists (select 1 from present) as is_present`)

/**
 * Adds one job unless there is one of its key. Gives the id of the job that has the key from now on, its own or the
 * other's.
 */
export const uniqueJobEnqueued = statement<
  [...EnqueueColumns, key: string, until: Date | null, now: Date],
  { jobId: string }
>(
  `with taken as (
  insert into stoa.job_uniques as u (tenant_id, kind, key, job_id, until)
  values (($1::uuid[])[1], ($3::text[])[1], $11, ($2::uuid[])[1], $12)
  on conflict (tenant_id, kind, key) do update set job_id = excluded.job_id, until = excluded.until
  where u.until <= $13
  returning job_id
), born as (
  ${INSERTION} from ${ARRIVED} where exists (select 1 from taken)
)
select job_id from taken
union all
select job_id from stoa.job_uniques
where tenant_id = ($1::uuid[])[1] and kind = ($3::text[])[1] and key = $11 and not exists (select 1 from taken)`,
)

/** Of kinds that may be claimed, by the tenant: see {@link Barred}. */
function allowed(barredKinds: string, barredTurns: string): string {
  return `kind <> all (${barredKinds}::text[])
      and (cardinality(${barredTurns}::text[]) = 0 or tenant_id::text || '/' || kind <> all (${barredTurns}::text[]))`
}

const CLAIMED = `update stoa.jobs set state = 'running', attempt = attempt + 1, worker = $2, started_at = clock_timestamp()
where ctid = any (array (select ctid from picked)) and exists (select 1 from present)
returning tenant_id, id, kind, rank, attempt, failures, run_at, input, origin, unique_key, concurrency_key, parent_id, tracked, cancel_requested`

/**
 * Claims jobs of one lane: of the most urgent rank, the tenants in turn from the one after `after` (when that was of the
 * same rank), first come first served inside of each. The tenants are found by stepping through the index from one to
 * the next, so a tenant with a million jobs costs one step. Rows that another worker is just claiming are passed over.
 *
 * The commit of a claim need not reach the disk: when the server loses it, the job is claimed again, and the attempt
 * that was lost cannot finish it because its worker is another one.
 */
export const jobsClaimed = statement<
  [
    lane: string,
    worker: string,
    wanted: number,
    after: string,
    barredKinds: readonly string[],
    afterRank: number,
    barredTurns: readonly string[],
  ],
  ClaimedRow
>(`
with recursive ${present('$2')}, top as materialized (
  select rank, tenant_id from stoa.jobs
  where lane = $1 and ${READY} and ${allowed('$5', '$7')}
  order by rank, tenant_id, run_at, id limit 1 for update skip locked
), turn (tenant_id, number) as (
  (select tenant_id, 1 from stoa.jobs
   where lane = $1 and ${READY} and ${allowed('$5', '$7')} and rank = (select rank from top)
     and tenant_id > (select case when rank = $6 then $4 else '00000000-0000-0000-0000-000000000000' end::uuid from top)
   order by tenant_id, run_at, id limit 1)
  union all
  select (select next.tenant_id from stoa.jobs next
          where next.lane = $1 and ${READY} and ${allowed('$5', '$7')} and next.rank = (select rank from top) and next.tenant_id > turn.tenant_id
          order by next.tenant_id, next.run_at, next.id limit 1), number + 1
  from turn where turn.tenant_id is not null and number < $3
), share as materialized (
  select ceil($3::numeric / greatest(1, count(tenant_id))) as size from turn
), picked as materialized (
  select oldest.ctid from turn cross join lateral (
    select j.ctid from stoa.jobs j
    where j.lane = $1 and ${READY} and j.rank = (select rank from top) and j.tenant_id = turn.tenant_id
      and ${allowed('$5', '$7')}
    order by j.run_at, j.id limit (select size from share) for update skip locked
  ) oldest
  where turn.tenant_id is not null limit $3
)
${CLAIMED}`)

/**
 * Claims on from where the claim before ended: of these tenants, behind these jobs. What was claimed before stays in the
 * index until it is vacuumed, and a claim that begins at the beginning passes over all of it.
 */
export const jobsClaimedOn = statement<
  [
    lane: string,
    worker: string,
    wanted: number,
    rank: number,
    barredKinds: readonly string[],
    tenantIds: readonly string[],
    behindRunAts: readonly Date[],
    behindIds: readonly string[],
    barredTurns: readonly string[],
  ],
  ClaimedRow
>(`
with ${present('$2')}, picked as materialized (
  select next.ctid from unnest($6::uuid[], $7::timestamptz[], $8::uuid[]) as place (tenant_id, run_at, id) cross join lateral (
    select j.ctid from stoa.jobs j
    where j.lane = $1 and ${READY} and j.rank = $4 and j.tenant_id = place.tenant_id and (j.run_at, j.id) > (place.run_at, place.id)
      and ${allowed('$5', '$9')}
    order by j.run_at, j.id limit ceil($3::numeric / cardinality($6::uuid[])) for update skip locked
  ) next
  limit $3
)
${CLAIMED}`)

/**
 * Before every claim and every report: plans go by the indexes. Statistics are always wrong about a table whose rows
 * live for milliseconds: they were taken when it was empty, or full, and a scan of the whole table or of another index
 * looks cheap then. Planned once: planning a claim takes longer than the claim of a few jobs. Never compiled: what these
 * settings forbid counts as so dear that PostgreSQL would compile every plan that cannot do without it.
 * `synchronousCommit` off lets the commit be acknowledged before it is on the disk.
 */
export const plannedByIndex = statement<[synchronousCommit: 'on' | 'off'], never>(
  `select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
  set_config('enable_incremental_sort', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
  set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
  case when $1 = 'off' then set_config('synchronous_commit', 'off', true) end`,
)

/**
 * The rows `j` of the jobs that are named by `from`, found by their key, whatever the statistics say. Of a table that was
 * empty when it was vacuumed PostgreSQL believes that it is still, and would read all of it first and then look which of
 * its rows are named. It does so only when it could join by the order of the key: that takes an equality, and `any` is
 * none.
 */
export function byKey(from: string): string {
  return `j.tenant_id = any (array[${from}.tenant_id]) and j.id = ${from}.id`
}

/** What is left of jobs that were claimed and not begun: they wait as before. */
export const jobsReturned = statement<
  [tenantIds: readonly string[], ids: readonly string[], attempts: readonly number[], worker: string],
  never
>(`
update stoa.jobs j set state = 'ready', worker = null, started_at = null
from unnest($1::uuid[], $2::uuid[], $3::integer[]) as held (tenant_id, id, attempt)
where ${byKey('held')} and j.attempt = held.attempt and j.worker = $4`)

/**
 * What the worker holds of a lane without knowing it, because the answer to a claim was lost: it waits as before. It
 * looks through the table, which is rare.
 */
export const unknownReturned = statement<[worker: string, lane: string, knownIds: readonly string[]], never>(
  `update stoa.jobs set state = 'ready', worker = null, started_at = null
where worker = $1 and lane = $2 and state = 'running' and id <> all ($3::uuid[])`,
)

/**
 * Jobs that are to be tried again, with what went wrong; null: nothing did. A job that holds one of its key's turns gives
 * it back. One that somebody wants cancelled does not wait: who claims it next cancels it.
 */
export const jobsPutOff = statement<
  [
    tenantIds: readonly string[],
    ids: readonly string[],
    attempts: readonly number[],
    worker: string,
    runAts: readonly Date[],
    errors: readonly (string | null)[],
  ],
  { count: number }
>(`
with put_off as (
  update stoa.jobs j set state = 'scheduled', worker = null, started_at = null,
    run_at = case when j.cancel_requested then j.run_at else ended.run_at end,
    failures = failures + (ended.error is not null)::integer, error = coalesce(ended.error, j.error)
  from unnest($1::uuid[], $2::uuid[], $3::integer[], $5::timestamptz[], $6::jsonb[]) as ended (tenant_id, id, attempt, run_at, error)
  where ${byKey('ended')} and j.attempt = ended.attempt and j.worker = $4
  returning 1
)
select count(*)::integer as count from put_off`)

/** Those of the attempts that the worker still holds. Nobody takes them away until the end of the transaction. */
export const attemptsLocked = statement<
  [tenantIds: readonly string[], ids: readonly string[], attempts: readonly number[], worker: string],
  { id: string; attempt: number }
>(`
select j.id, j.attempt from stoa.jobs j join unnest($1::uuid[], $2::uuid[], $3::integer[]) as held (tenant_id, id, attempt)
  on ${byKey('held')} and j.attempt = held.attempt
where j.worker = $4 for update of j`)

/** Notes how far jobs are. */
export const jobsProgressed = statement<
  [
    tenantIds: readonly string[],
    ids: readonly string[],
    attempts: readonly number[],
    worker: string,
    progress: readonly string[],
  ],
  never
>(`
update stoa.jobs j set progress = told.progress
from unnest($1::uuid[], $2::uuid[], $3::integer[], $5::jsonb[]) as told (tenant_id, id, attempt, progress)
where ${byKey('told')} and j.attempt = told.attempt and j.worker = $4`)

/** Removes jobs that are done and not kept. Counts those that were still this worker's. */
export const jobsRemoved = statement<
  [tenantIds: readonly string[], ids: readonly string[], attempts: readonly number[], worker: string],
  { count: number }
>(`
with gone as (
  delete from stoa.jobs j using unnest($1::uuid[], $2::uuid[], $3::integer[]) as ended (tenant_id, id, attempt)
  where ${byKey('ended')} and j.attempt = ended.attempt and j.worker = $4
  returning 1
)
select count(*)::integer as count from gone`)

/** Removes jobs that ended, and keeps what became of them until their day. Counts those that were still this worker's. */
export const jobsFinished = statement<
  [
    tenantIds: readonly string[],
    ids: readonly string[],
    attempts: readonly number[],
    worker: string,
    outcomes: readonly string[],
    finishedAts: readonly Date[],
    dropOns: readonly string[],
    results: readonly (string | null)[],
    errors: readonly (string | null)[],
  ],
  { count: number }
>(`
with ended as (
  select * from unnest($1::uuid[], $2::uuid[], $3::integer[], $5::text[], $6::timestamptz[], $7::date[], $8::jsonb[], $9::jsonb[])
    as ended (tenant_id, id, attempt, outcome, finished_at, drop_on, result, error)
), gone as (
  delete from stoa.jobs j using ended
  where ${byKey('ended')} and j.attempt = ended.attempt and j.worker = $4
  returning j.*, ended.outcome, ended.finished_at, ended.drop_on, ended.result, ended.error as last_error
), kept as (
${keptFrom('gone')}
)
select count(*)::integer as count from gone`)

/** The end of a statement that keeps the rows of `from` as finished. */
export function keptFrom(from: string): string {
  return `insert into stoa.jobs_finished (tenant_id, id, drop_on, outcome, kind, lane, rank, attempt, failures, rescues, started_at, finished_at,
  input, origin, concurrency_key, concurrency_limit, parent_id, tracked, progress, result, error)
select tenant_id, id, drop_on, outcome, kind, lane, rank, attempt, failures + (outcome = 'dead')::integer, rescues, started_at, finished_at,
  input, origin, concurrency_key, concurrency_limit, parent_id, tracked, progress, result, coalesce(last_error, error)
from ${from}`
}

/** Vacuums the table, unless somebody else is at it. It keeps its length: giving that back would lock everybody out. */
export async function tableVacuumed(session: AdminSession): Promise<void> {
  const [row] = await session.query<{ mine: boolean }>(
    "select pg_try_advisory_lock(hashtextextended('stoa.jobs.vacuum', 0)) as mine",
  )
  if (!row?.mine) return
  try {
    await session.exec('vacuum (truncate false) stoa.jobs')
  } finally {
    await session.exec("select pg_advisory_unlock(hashtextextended('stoa.jobs.vacuum', 0))")
  }
}
