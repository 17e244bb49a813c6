/* Jobs that may not be claimed yet: they wait for a time, for a turn of their key, or for their children. */
import { statement } from '@stoa/db'

/** Lets jobs pass whose time has come, at most `limit`. */
export const jobsDue = statement<[now: Date, limit: number], { lane: string; keyed: boolean }>(`
with due as materialized (
  select ctid from stoa.jobs where indexed_state = 'scheduled' and run_at <= $1 order by run_at limit $2 for update skip locked
)
update stoa.jobs set state = case when concurrency_key is null then 'ready' else 'held' end
where ctid = any (array (select ctid from due))
returning lane, concurrency_key is not null as keyed`)

/** When the next job is due; null when none is. */
export const nextDue = statement<[], { at: Date | null }>(
  "select min(run_at) as at from stoa.jobs where indexed_state = 'scheduled'",
)

/** A key whose jobs take turns. */
export interface TurnKey {
  readonly tenantId: string
  readonly kind: string
  readonly concurrencyKey: string
}

/**
 * Keys that have a free turn and jobs waiting for it, stepping through the index from key to key, so that a key with
 * many jobs costs one step. Those whose turns are all taken are passed over: however many there are, who comes behind
 * them is found.
 */
export const keysWaiting = statement<[limit: number], TurnKey>(`
with recursive waiting as (
  (select tenant_id, kind, concurrency_key from stoa.jobs
   where concurrency_key is not null and indexed_state = 'held' order by tenant_id, kind, concurrency_key limit 1)
  union all
  select next.* from waiting cross join lateral (
    select tenant_id, kind, concurrency_key from stoa.jobs j
    where j.concurrency_key is not null and j.indexed_state = 'held'
      and (j.tenant_id, j.kind, j.concurrency_key) > (waiting.tenant_id, waiting.kind, waiting.concurrency_key)
    order by j.tenant_id, j.kind, j.concurrency_key limit 1
  ) next
)
select * from waiting where (
  select count(*) from stoa.jobs j
  where j.concurrency_key is not null and j.tenant_id = waiting.tenant_id and j.kind = waiting.kind
    and j.concurrency_key = waiting.concurrency_key and j.indexed_state in ('ready', 'running')
) < (
  select j.concurrency_limit from stoa.jobs j
  where j.concurrency_key is not null and j.tenant_id = waiting.tenant_id and j.kind = waiting.kind
    and j.concurrency_key = waiting.concurrency_key and j.indexed_state = 'held'
  order by j.id limit 1
) limit $1`)

type Keys = [tenantIds: readonly string[], kinds: readonly string[], keys: readonly string[]]

/** Until the end of the transaction nobody else gives turns of these keys. In one order, so that nobody waits in a circle. */
export const turnsLocked = statement<Keys, never>(`
select pg_advisory_xact_lock(lock) from (
  select distinct hashtextextended(concat_ws('/', 'stoa.jobs', tenant_id, kind, key), 0) as lock
  from unnest($1::uuid[], $2::text[], $3::text[]) as asked (tenant_id, kind, key) order by lock
) locks`)

/** Gives the turns of these keys that are free to the jobs that wait longest. {@link turnsLocked} comes before. */
export const turnsGiven = statement<Keys, { lane: string }>(`
with asked as (
  select distinct tenant_id, kind, key from unnest($1::uuid[], $2::text[], $3::text[]) as asked (tenant_id, kind, key)
), next as materialized (
  select oldest.ctid from asked cross join lateral (
    select count(*) as taken from stoa.jobs j
    where j.concurrency_key is not null and j.tenant_id = asked.tenant_id and j.kind = asked.kind and j.concurrency_key = asked.key
      and j.indexed_state in ('ready', 'running')
  ) active cross join lateral (
    select j.ctid, j.concurrency_limit, row_number() over (order by j.id) as place from stoa.jobs j
    where j.concurrency_key is not null and j.tenant_id = asked.tenant_id and j.kind = asked.kind and j.concurrency_key = asked.key
      and j.indexed_state = 'held'
    order by j.id limit 1000
  ) oldest
  where oldest.place <= oldest.concurrency_limit - active.taken
)
update stoa.jobs set state = 'ready' where ctid = any (array (select ctid from next)) and state = 'held' returning lane`)

/** Children have ended: a parent that waits for none any more may be claimed, at its time and in its turn. */
export const parentsReleased = statement<
  [tenantIds: readonly string[], parentIds: readonly string[], now: Date],
  { lane: string }
>(`
with ended as (
  select tenant_id, parent_id, count(*)::integer as children from unnest($1::uuid[], $2::uuid[]) as ended (tenant_id, parent_id)
  group by tenant_id, parent_id
)
update stoa.jobs j set awaits = j.awaits - ended.children,
  state = case when j.awaits > ended.children or j.state <> 'waiting' then j.state
    when j.run_at > $3 then 'scheduled' when j.concurrency_key is null then 'ready' else 'held' end
from ended where j.tenant_id = ended.tenant_id and j.id = ended.parent_id
returning j.lane`)

/** Frees the keys of unique jobs that ended and are unique until then; those with a window stay until it is over. */
export const uniquesFreed = statement<
  [tenantIds: readonly string[], jobIds: readonly string[], kinds: readonly string[], keys: readonly string[]],
  never
>(`
delete from stoa.job_uniques u using unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as ended (tenant_id, job_id, kind, key)
where u.tenant_id = ended.tenant_id and u.kind = ended.kind and u.key = ended.key and u.job_id = ended.job_id and u.until is null`)

/** Forgets keys whose window is over. */
export const uniquesExpired = statement<[now: Date], never>('delete from stoa.job_uniques where until <= $1')
