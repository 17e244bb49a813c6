import type { AdminSession } from '@stoa/db'
import { DEFAULT_PARTITION, partitionNames } from './partition-store.ts'

/** Where the numbers of the journal's transactions are, and where those of the cluster. */
export interface Numbers {
  /** The highest of an event or a reader (xid8, decimal); null when there are neither. */
  readonly highest: string | null
  /** The cluster has given out every number below this one. */
  readonly next: string
  /** The oldest transaction in flight; `next` when there is none. */
  readonly horizon: string
}

/** Looks at the last entry of each partition's index. */
export async function transactionNumbers(session: AdminSession): Promise<Numbers> {
  const newest = (await partitions(session)).map((name) => `(select xid from stoa.${name} order by xid desc limit 1)`)
  const [row] = await session.query<Numbers>(
    `select (select max(xid) from (${newest.join(' union all ')} union all select position_xid from stoa.journal_readers) n (xid)) as highest,
pg_snapshot_xmax(pg_current_snapshot()) as next, pg_snapshot_xmin(pg_current_snapshot()) as horizon`,
  )
  return row as Numbers
}

/** Names of the durable readers that some process holds. */
export async function heldReaders(session: AdminSession): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    'select name from stoa.journal_readers where lease_until > clock_timestamp() order by name',
  )
  return rows.map((row) => row.name)
}

/**
 * Works out the new number of each transaction, into the temporary table `adoption`: what came from elsewhere first,
 * then what was appended here since. The order stays as it is. Transactions one after the other whose events have
 * rising ids share a number, because ids keep them in order.
 *
 * @returns the highest new number, and how many transactions of elsewhere there are
 */
export async function planAdoption(
  session: AdminSession,
  next: string,
): Promise<{ readonly highest: number; readonly count: number }> {
  const all = (await partitions(session)).map((name) => `select xid, id from stoa.${name}`).join(' union all ')
  // What was appended here has both: a number that was given out here, and an id behind those that were restored with
  // their sequence.
  await session.exec(`
create temporary table adoption on commit drop as
with events as (${all}),
transactions as (select xid, min(id) as first_id, max(id) as last_id from events group by xid),
restored as (select coalesce(max(id), 0) as last_id from events where xid >= '${next}'),
placed as (
  select t.xid, t.first_id, t.last_id, t.xid < '${next}' and t.first_id > r.last_id as own from transactions t, restored r
),
overlapping as (
  select *, first_id < max(last_id) over (order by own, xid rows between unbounded preceding and 1 preceding) as crosses from placed
)
select xid, own, first_id, last_id, (1 + count(*) filter (where crosses) over (order by own, xid))::text::xid8 as place from overlapping;
create index on adoption (xid)`)
  const [row] = await session.query<{ highest: number; count: number }>(
    `select coalesce(max(place::text::bigint), 0) as highest, count(*) filter (where not own) as count from adoption`,
  )
  return row as { highest: number; count: number }
}

/**
 * Gives events and readers their new numbers. A reader stands behind the last event that it had read; where that cannot
 * be told, further back.
 */
export async function applyAdoption(session: AdminSession): Promise<void> {
  for (const name of await partitions(session)) {
    await session.exec(
      `update stoa.${name} e set xid = a.place from adoption a where a.xid = e.xid and a.place <> e.xid`,
    )
  }
  await session.exec(`
update stoa.journal_readers r
set position_xid = coalesce(a.place, '0'),
  position_id = case when a.xid is null then 0 when a.xid = r.position_xid then least(r.position_id, a.last_id) else a.last_id end
from stoa.journal_readers before left join lateral (
  select xid, place, last_id from adoption
  where not own and (xid, first_id) <= (before.position_xid, before.position_id) order by xid desc limit 1
) a on true
where before.name = r.name`)
}

/** Has the cluster give out this many numbers more, each in a transaction that does nothing. */
export async function spendNumbers(session: AdminSession, count: number): Promise<void> {
  await session.exec('set synchronous_commit = off')
  await session.exec(`do $$ begin for n in 1..${count} loop perform pg_current_xact_id(); commit; end loop; end $$`)
}

async function partitions(session: AdminSession): Promise<string[]> {
  return [...(await partitionNames(session)), DEFAULT_PARTITION]
}
