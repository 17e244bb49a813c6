import { type AdminSession, changeInUse, type InUseChange, identifier } from '@stoa/db'

const TABLE = 'link_click_log'
const DEFAULT = `${TABLE}_default`
/** Of the tables of all schemas, which are few. */
const LOCK = `stoa.${TABLE}`

/**
 * The schemas that have clicks. Partitions belong to the login role, and row level security does not show their rows to it
 * through the parent: they are reached by name.
 */
export async function clickSchemas(session: AdminSession): Promise<string[]> {
  const rows = await session.query<{ schema: string }>(
    `select n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = '${TABLE}' and c.relkind = 'p' and n.nspname like 'stoa%' order by 1`,
  )
  return rows.map(({ schema }) => schema)
}

/** The days that have a partition, oldest first: `2026-11-22`. */
export async function clickDays(session: AdminSession, schema: string): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = $1::regclass and c.relname <> '${DEFAULT}' order by 1`,
    [`${identifier(schema)}.${TABLE}`],
  )
  return rows.map(({ name }) => name.slice(TABLE.length + 1).replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3'))
}

function partitionOf(schema: string, day: string): string {
  return `${identifier(schema)}.${TABLE}_${day.replaceAll('-', '')}`
}

/**
 * Makes the partition of a day beside the table, and attaches it: clicks go on being written. `violated` when there are
 * clicks of the day in the default partition; then they stay there.
 */
export function attachClickDay(
  session: AdminSession,
  schema: string,
  days: { readonly day: string; readonly next: string },
  signal: AbortSignal | null,
): Promise<InUseChange> {
  const partition = partitionOf(schema, days.day)
  const table = `${identifier(schema)}.${TABLE}`
  return changeInUse(
    session,
    LOCK,
    `create table ${partition} (like ${table} including defaults including constraints);
alter table ${table} attach partition ${partition} for values from ('${days.day} 00:00:00+00') to ('${days.next} 00:00:00+00');`,
    signal,
  )
}

/** Drops a day with all its clicks. */
export function dropClickDay(
  session: AdminSession,
  schema: string,
  day: string,
  signal: AbortSignal | null,
): Promise<InUseChange> {
  return changeInUse(session, LOCK, `drop table ${partitionOf(schema, day)};`, signal)
}

/** Deletes clicks before a time that had no partition, at most `limit`. Gives how many there were. */
export async function trimDefault(session: AdminSession, schema: string, before: Date, limit: number): Promise<number> {
  const table = `${identifier(schema)}.${DEFAULT}`
  const [row] = await session.query<{ deleted: number }>(
    `with old as (select ctid from ${table} where at < $1 limit $2),
deleted as (delete from ${table} using old where ${table}.ctid = old.ctid returning 1)
select count(*) as deleted from deleted`,
    [before, limit],
  )
  return row?.deleted ?? 0
}
