/*
 * Workers and their signs of life, by the database's clock alone: the clocks of machines need not agree. Who was silent
 * for too long is removed first, and what he held is looked for by the next statement: so no claim of his can come in
 * between and be forgotten.
 */
import { statement } from '@stoa/db'
import { byKey, type ClaimedRow, keptFrom } from './job-store.ts'

export const workerAdded = statement<[id: string, name: string], never>(
  'insert into stoa.job_workers (id, name, started_at, seen_at) values ($1, $2, clock_timestamp(), clock_timestamp())',
)

/** A sign of life. Changes no row when the worker was given up. */
export const workerSeen = statement<[id: string], never>(
  'update stoa.job_workers set seen_at = clock_timestamp() where id = $1',
)

/** Those of these attempts that the worker holds, and which of them somebody wants to be cancelled. */
export const attemptsHeld = statement<
  [tenantIds: readonly string[], ids: readonly string[], worker: string],
  { id: string; attempt: number; cancelRequested: boolean }
>(
  `select j.id, j.attempt, j.cancel_requested from stoa.jobs j
join unnest($1::uuid[], $2::uuid[]) as held (tenant_id, id) on ${byKey('held')}
where j.worker = $3`,
)

/**
 * What runs for long steps aside: claims need not pass over it any more. What somebody has locked is left for the next
 * time, and its id is not given.
 */
export const attemptsAside = statement<
  [tenantIds: readonly string[], ids: readonly string[], worker: string],
  { id: string }
>(`
with there as materialized (
  select j.ctid from unnest($1::uuid[], $2::uuid[]) as held (tenant_id, id) join stoa.jobs j on ${byKey('held')}
  where j.worker = $3 for update of j skip locked
)
update stoa.jobs set runs_long = true where ctid = any (array (select ctid from there)) returning id`)

/**
 * Whether a worker was silent for so long that it has to be given up, and whether a lease has run out. Asked first: the
 * rescue of workers looks through the table.
 */
export const whoIsGone = statement<[silentMs: number], { workers: boolean; leases: boolean }>(
  `select exists (select 1 from stoa.job_workers where seen_at < clock_timestamp() - $1 * interval '1 ms') as workers,
  exists (select 1 from stoa.job_leases where until < statement_timestamp()) as leases`,
)

/** A job that was taken from a worker which is gone. */
export interface RescuedRow {
  readonly tenantId: string
  readonly id: string
  readonly kind: string
  readonly lane: string
  readonly rescues: number
}

/** A job that is a dead letter now, with what others need to know. */
export interface BuriedRow
  extends RescuedRow,
    Pick<ClaimedRow, 'attempt' | 'origin' | 'parentId' | 'uniqueKey' | 'concurrencyKey' | 'tracked'> {}

const HELD_BY_NOBODY = "j.state = 'running' and not exists (select 1 from stoa.job_workers w where w.id = j.worker)"

/** Dead letters of those whose workers died again and again. They are kept for `keepDays`. */
export const jobsBuried = statement<[rescues: number, now: Date, dropOn: string, failure: string], BuriedRow>(`
with gone as (
  delete from stoa.jobs j where ${HELD_BY_NOBODY} and j.rescues >= $1
  returning j.*, 'dead' as outcome, $2::timestamptz as finished_at, $3::date as drop_on, null::jsonb as result, $4::jsonb as last_error
), kept as (
${keptFrom('gone')}
)
select tenant_id, id, kind, lane, rescues, attempt, origin, parent_id, unique_key, concurrency_key, tracked from gone`)

/**
 * Gives back what is held by workers that are not there any more. It counts as rescued, not as failed: it may have done
 * nothing wrong.
 */
export const jobsRescued = statement<[], RescuedRow>(`
update stoa.jobs j set state = case when j.concurrency_key is null then 'ready' else 'held' end, worker = null, started_at = null,
  rescues = j.rescues + 1
where ${HELD_BY_NOBODY}
returning j.tenant_id, j.id, j.kind, j.lane, j.rescues`)

/** Gives up workers that were silent for `silentMs`. What they are claiming at this moment is waited for. */
export const workersGivenUp = statement<[silentMs: number], never>(
  "delete from stoa.job_workers where seen_at < clock_timestamp() - $1 * interval '1 ms'",
)

/** The worker has ended. What it may still hold goes back as from one that died. */
export const workerRemoved = statement<[id: string], never>('delete from stoa.job_workers where id = $1')

/** What is paused: `lane:bulk`, `kind:mail.send`. */
export const pauses = statement<[], { what: string }>('select what from stoa.job_pauses order by what')

export const paused = statement<[what: string, at: Date], never>(
  'insert into stoa.job_pauses (what, paused_at) values ($1, $2) on conflict (what) do nothing',
)

export const resumed = statement<[what: string], never>('delete from stoa.job_pauses where what = $1')
