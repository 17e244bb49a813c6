/*
 * Which life of a database this is. What is kept elsewhere of a database (in Redis) is of no use once the database has gone
 * back in time, and nothing in its rows tells of that: a backup brings back whatever a row said. What does tell:
 *
 *   copied back, a snapshot of the machine, a point in time, a replica in its place   the server started then, not before
 *   a dump, into another database or over the tables of this one                      tables have other files
 *
 * An ordinary restart of the server looks like the first, which costs what was kept, and nothing else.
 *
 * Rejected: the timeline and the number of the cluster, which a copy of its files brings along; a mark of how far the
 * database had come, kept where its data are kept, which has to be moved on all the time.
 */
import type { AdminSession } from './database.ts'
import { SHARED_SCHEMA } from './migration.ts'

/** A text that is another one when the database was put back from a backup, or another server took its place. */
export async function databaseIncarnation(session: AdminSession): Promise<string> {
  const [row] = await session.query<{ incarnation: string }>(
    `select concat_ws(' ', extract(epoch from pg_postmaster_start_time()), (select oid from pg_database where datname = current_database()),
pg_relation_filenode(to_regclass('${SHARED_SCHEMA}.placements'))) as incarnation`,
  )
  if (row === undefined) throw new Error('the database does not say which one it is')
  return row.incarnation
}
