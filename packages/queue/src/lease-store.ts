/*
 * Jobs that are held by a lease. A lease is the token of an attempt: whoever ends one removes it first, and who finds
 * none has lost the job. All who lock a lease and its job lock the lease first.
 */
import { statement } from '@stoa/db'
import { byKey, type ClaimedRow, type Origin, READY } from './job-store.ts'

/** Whoever holds a job by a lease, as `jobs.worker` has it. The migration has made an entry of it. */
export const OUTSIDE = '00000000-0000-4000-8000-000000000001'

/** What holds for an attempt from its beginning, whatever becomes of its kind meanwhile. */
export interface LeasePolicy {
  readonly leaseMs: number
  readonly retries: number
  readonly retryMinMs: number
  readonly retryMaxMs: number
}

/** A kind that somebody waits for. */
export interface WantedKind {
  readonly tenantId: string
  readonly kind: string
  /** How many there are to take them. */
  readonly count: number
}

/** Of these kinds those that have jobs to claim, with how many, up to what is wanted; whose job is oldest comes first. */
export const kindsReady = statement<
  [tenantIds: readonly string[], kinds: readonly string[], counts: readonly number[]],
  WantedKind
>(`
select asked.tenant_id, asked.kind, waiting.count
from unnest($1::uuid[], $2::text[], $3::integer[]) as asked (tenant_id, kind, wanted) cross join lateral (
  select count(*)::integer as count, min(run_at) as oldest from (
    select j.run_at from stoa.jobs j
    where j.tenant_id = asked.tenant_id and j.kind = asked.kind and j.lane = 'external' and ${READY}
    order by j.run_at, j.id limit asked.wanted
  ) head
) waiting
where waiting.count > 0
  and not exists (select 1 from stoa.job_pauses p where p.what = 'lane:external' or p.what = 'kind:' || asked.kind)
order by waiting.oldest`)

/** A job that was just claimed, and its lease. */
export interface LeasedRow
  extends Omit<ClaimedRow, 'rank' | 'uniqueKey' | 'concurrencyKey' | 'parentId' | 'cancelRequested'> {
  readonly leaseUntil: Date
  readonly endsAt: Date
}

/** Until the end of the transaction nobody else claims under this key. */
export const claimLocked = statement<[tenantId: string, claim: string], never>(
  "select pg_advisory_xact_lock(hashtextextended(concat_ws('/', 'stoa.job_leases', $1::text, $2::text), 0))",
)

/** What was claimed under this key and is still held, each for as long again as it was at first. */
export const leasesOfClaim = statement<[tenantId: string, claim: string], LeasedRow>(`
with again as (
  update stoa.job_leases set until = least(ends_at, clock_timestamp() + (policy->>'leaseMs')::integer * interval '1 ms')
  where tenant_id = $1 and claim = $2 and ends_at > clock_timestamp() returning job_id, attempt, until, ends_at
)
select j.tenant_id, j.id, j.kind, j.attempt, j.failures, j.run_at, j.input, j.origin, j.tracked, again.until as lease_until, again.ends_at
from again join stoa.jobs j on j.tenant_id = $1 and j.id = again.job_id and j.attempt = again.attempt and j.worker = '${OUTSIDE}'`)

/** Claims the oldest jobs of one kind, in no order, for a lease of so long within the time that an attempt may take. */
export const jobsLeased = statement<
  [
    tenantId: string,
    kind: string,
    count: number,
    leaseMs: number,
    timeoutMs: number,
    policy: string,
    claim: string | null,
  ],
  LeasedRow
>(`
with picked as materialized (
  select ctid from stoa.jobs where tenant_id = $1 and kind = $2 and lane = 'external' and ${READY}
  order by run_at, id limit $3 for update skip locked
), claimed as (
  update stoa.jobs set state = 'running', attempt = attempt + 1, worker = '${OUTSIDE}', started_at = clock_timestamp()
  where ctid = any (array (select ctid from picked))
  returning tenant_id, id, kind, attempt, failures, run_at, started_at, input, origin, tracked
), leased as (
  insert into stoa.job_leases as l (tenant_id, job_id, attempt, until, ends_at, policy, claim)
  select tenant_id, id, attempt, started_at + least($4::integer, $5::integer) * interval '1 ms', started_at + $5::integer * interval '1 ms', $6::json, $7
  from claimed
  on conflict (tenant_id, job_id) do update set attempt = excluded.attempt, until = excluded.until, ends_at = excluded.ends_at,
    policy = excluded.policy, claim = excluded.claim
  returning job_id, until, ends_at
)
select tenant_id, id, kind, attempt, failures, run_at, input, origin, tracked, until as lease_until, ends_at
from claimed join leased on leased.job_id = claimed.id`)

/** A job whose lease was made longer. */
export interface RenewedRow {
  readonly tenantId: string
  readonly id: string
  readonly kind: string
  readonly attempt: number
  readonly origin: Origin
  readonly tracked: boolean
  readonly cancelRequested: boolean
  readonly leaseUntil: Date
  readonly endsAt: Date
}

/** Makes a lease as long from now on as it was at first, within the time that the attempt may take. */
export const leaseRenewed = statement<[tenantId: string, id: string, attempt: number], RenewedRow>(`
with renewed as (
  update stoa.job_leases set until = least(ends_at, clock_timestamp() + (policy->>'leaseMs')::integer * interval '1 ms')
  where tenant_id = $1 and job_id = $2 and attempt = $3 returning attempt, until, ends_at
)
select j.tenant_id, j.id, j.kind, j.attempt, j.origin, j.tracked, j.cancel_requested, renewed.until as lease_until, renewed.ends_at
from renewed join stoa.jobs j on j.tenant_id = $1 and j.id = $2 and j.attempt = renewed.attempt and j.worker = '${OUTSIDE}'`)

/** A job whose lease is over. */
export interface ReleasedRow
  extends Pick<
    ClaimedRow,
    | 'tenantId'
    | 'id'
    | 'kind'
    | 'attempt'
    | 'failures'
    | 'origin'
    | 'uniqueKey'
    | 'concurrencyKey'
    | 'parentId'
    | 'tracked'
  > {
  readonly rescues: number
  readonly startedAt: Date
  readonly endsAt: Date
  readonly cancelRequested: boolean
  readonly policy: LeasePolicy
  /** It held to the end of the time that the attempt may take. */
  readonly outOfTime: boolean
}

const RELEASED = `select j.tenant_id, j.id, j.kind, j.attempt, j.failures, j.origin, j.unique_key, j.concurrency_key, j.parent_id, j.tracked,
  j.rescues, j.started_at, j.cancel_requested, gone.policy, gone.ends_at, gone.until >= gone.ends_at as out_of_time
from gone join stoa.jobs j on j.tenant_id = gone.tenant_id and j.id = gone.job_id and j.attempt = gone.attempt and j.worker = '${OUTSIDE}'`

/** Ends a lease. No row: whoever asks does not hold it. */
export const leaseReleased = statement<[tenantId: string, id: string, attempt: number], ReleasedRow>(`
with gone as (
  delete from stoa.job_leases where tenant_id = $1 and job_id = $2 and attempt = $3 returning *
)
${RELEASED}`)

/** Ends leases that ran out, at most `limit`, those that did so first. */
export const leasesExpired = statement<[limit: number], ReleasedRow>(`
with over as materialized (
  select ctid from stoa.job_leases where until < statement_timestamp() order by until limit $1 for update skip locked
), gone as (
  delete from stoa.job_leases where ctid = any (array (select ctid from over)) returning *
)
${RELEASED}`)

/** Gives back jobs whose holders are gone: rescued, not failed. */
export const leasedReturned = statement<
  [tenantIds: readonly string[], ids: readonly string[], attempts: readonly number[]],
  never
>(`
update stoa.jobs j set state = 'ready', worker = null, started_at = null, rescues = j.rescues + 1
from unnest($1::uuid[], $2::uuid[], $3::integer[]) as held (tenant_id, id, attempt)
where ${byKey('held')} and j.attempt = held.attempt and j.worker = '${OUTSIDE}'`)
