import { type AdminSession, changeInUse, type InUseChange } from '@stoa/db'
import type { Month } from './month.ts'

/**
 * Partitions belong to the login role, and row level security does not show their rows to it through the parent: they
 * are reached by name.
 */
export const DEFAULT_PARTITION = 'events_default'

/** The months that have a partition, oldest first. */
export async function partitionNames(session: AdminSession): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'stoa.events'::regclass and c.relname <> $1 order by c.relname`,
    [DEFAULT_PARTITION],
  )
  return rows.map((row) => row.name)
}

/**
 * Whether events of the month fell into the default partition already: then they stay there, and so do the later ones.
 */
export async function monthInDefault(session: AdminSession, month: Month): Promise<boolean> {
  const [row] = await session.query<{ found: boolean }>(
    `select exists (select 1 from stoa.${DEFAULT_PARTITION} where at >= $1 and at < $2) as found`,
    [month.start, month.end],
  )
  return row?.found ?? false
}

/**
 * Makes the month's partition beside the table and attaches it: an attach lets appends go on, while CREATE … PARTITION
 * OF would hold them up. `quiet` holds them up for these few milliseconds: for a month that is being written now,
 * because a reader that planned its query before the attach would read past what is written into the new partition
 * right after it.
 */
export function attachMonth(
  session: AdminSession,
  month: Month,
  quiet: boolean,
  signal: AbortSignal | null,
): Promise<InUseChange> {
  return changeInUse(
    session,
    'stoa.events',
    `${quiet ? 'lock table stoa.events in access exclusive mode;' : ''}
create table stoa.${month.partition} (like stoa.events including defaults including constraints);
alter table stoa.events attach partition stoa.${month.partition}
  for values from ('${month.start.toISOString()}') to ('${month.end.toISOString()}');`,
    signal,
  )
}

/** Drops a partition with all its events. The files go after the locks. */
export function dropPartition(session: AdminSession, name: string, signal: AbortSignal | null): Promise<InUseChange> {
  return changeInUse(session, 'stoa.events', `drop table stoa.${name};`, signal)
}

/** Names of the durable readers that have not read everything in the partition. */
export async function readersBefore(session: AdminSession, partition: string): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `with newest as (select xid, id from stoa.${partition} order by xid desc, id desc limit 1)
select r.name from stoa.journal_readers r, newest n where (r.position_xid, r.position_id) < (n.xid, n.id) order by r.name`,
  )
  return rows.map((row) => row.name)
}

/** Deletes what is old and read by every durable reader from the default partition, at most `limit` events. */
export async function defaultTrimmed(session: AdminSession, before: Date, limit: number): Promise<number> {
  const [row] = await session.query<{ deleted: number }>(
    `with old as materialized (
  select e.ctid from stoa.${DEFAULT_PARTITION} e
  where e.at < $1
    and not exists (select 1 from stoa.journal_readers r where (r.position_xid, r.position_id) < (e.xid, e.id))
  limit $2
), deleted as (
  delete from stoa.${DEFAULT_PARTITION} e using old where e.ctid = old.ctid returning 1
)
select count(*) as deleted from deleted`,
    [before, limit],
  )
  return row?.deleted ?? 0
}
