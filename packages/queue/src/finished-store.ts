/* What became of jobs. */
import { type AdminSession, changeInUse, type InUseChange, statement } from '@stoa/db'
import type { EndedChild } from './running-job.ts'

const TABLE = 'stoa.jobs_finished'

/** The children of a job that have ended, the oldest first. */
export const endedChildren = statement<[tenantId: string, parentId: string], EndedChild>(
  `select id, kind, outcome, result from stoa.jobs_finished where tenant_id = $1 and parent_id = $2 order by id`,
)

/** The days that have a partition, oldest first: `2026-11-28`. */
export async function finishedDays(session: AdminSession): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'stoa.jobs_finished'::regclass and c.relname <> 'jobs_finished_default' order by c.relname`,
  )
  return rows.map(({ name }) => name.replace('jobs_finished_', '').replaceAll('_', '-'))
}

function partitionOf(day: string): string {
  return `jobs_finished_${day.replaceAll('-', '_')}`
}

/**
 * Makes the partition of what goes on this day, beside the table, and attaches it: so that acknowledgements go on
 * meanwhile.
 */
export function attachDay(session: AdminSession, day: string): Promise<InUseChange> {
  const partition = partitionOf(day)
  return changeInUse(
    session,
    TABLE,
    `create table stoa.${partition} (like stoa.jobs_finished including defaults including constraints);
alter table stoa.jobs_finished attach partition stoa.${partition} for values from ('${day}') to (date '${day}' + 1);`,
  )
}

/** Drops everything that goes on this day. */
export function dropDay(session: AdminSession, day: string): Promise<InUseChange> {
  return changeInUse(session, TABLE, `drop table stoa.${partitionOf(day)};`)
}

/** Deletes what went on this day or before from the default partition, at most `limit`. */
export async function defaultTrimmed(session: AdminSession, day: string, limit: number): Promise<number> {
  const [row] = await session.query<{ deleted: number }>(
    `with old as materialized (select ctid from stoa.jobs_finished_default where drop_on <= $1::date limit $2), deleted as (
  delete from stoa.jobs_finished_default where ctid = any (array (select ctid from old)) returning 1
)
select count(*)::integer as deleted from deleted`,
    [day, limit],
  )
  return row?.deleted ?? 0
}
