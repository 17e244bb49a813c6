import type { AdminSession } from './database.ts'
import { SHARED_SCHEMA } from './migration.ts'
import type { MigrationRef, PlannedMigration } from './migration-status.ts'

/** Any number that no other program uses in this database. */
const LOCK_KEY = '7526718113060513'

/** Takes the lock of the session if it is free. @returns whether it was */
export async function migrationLockTaken(session: AdminSession): Promise<boolean> {
  const [row] = await session.query<{ locked: boolean }>(`select pg_try_advisory_lock(${LOCK_KEY}) as locked`)
  return row?.locked === true
}

/** Gives the lock back. */
export async function migrationLockReleased(session: AdminSession): Promise<void> {
  await session.query(`select pg_advisory_unlock(${LOCK_KEY})`)
}

/** Whether anything was ever migrated here. */
export async function hasMigrations(session: AdminSession): Promise<boolean> {
  const [row] = await session.query<{ found: boolean }>(
    `select to_regclass('${SHARED_SCHEMA}.migrations') is not null as found`,
  )
  return row?.found === true
}

/** A migration in a schema that is not as it should be. */
export interface Difference extends MigrationRef {
  readonly state: 'missing' | 'changed' | 'unknown'
}

/**
 * Every placement × every migration against what has been applied, in one statement. `planned` is in the order in which
 * they run.
 */
export async function differences(session: AdminSession, planned: readonly object[]): Promise<Difference[]> {
  return await session.query<Difference>(
    `
with planned as (
  select * from jsonb_to_recordset($1::text::jsonb)
    as p(position int, scope text, owner text, name text, checksum text, breaking boolean)),
expected as (
  select placements.schema, planned.* from ${SHARED_SCHEMA}.placements join planned using (scope))
select coalesce(expected.schema, applied.schema) as schema,
  coalesce(expected.owner, applied.owner) as owner,
  coalesce(expected.name, applied.name) as name,
  coalesce(applied.breaking, expected.breaking) as breaking,
  case when applied.name is null then 'missing' when expected.name is null then 'unknown' else 'changed' end as state
from expected full join ${SHARED_SCHEMA}.migrations as applied
  on applied.schema = expected.schema and applied.owner = expected.owner and applied.name = expected.name
where applied.name is null or expected.name is null or applied.checksum <> expected.checksum
order by expected.scope nulls last, coalesce(expected.schema, applied.schema) collate "C", expected.position, applied.owner, applied.name`,
    [JSON.stringify(planned)],
  )
}

/** Notes that a migration was applied; `ms` is how long it took. */
export async function migrationRecorded(
  session: AdminSession,
  { breaking, checksum, name, owner }: PlannedMigration,
  schema: string,
  ms: number,
): Promise<void> {
  await session.query(
    `insert into ${SHARED_SCHEMA}.migrations (schema, owner, name, breaking, checksum, duration_ms)
     values ($1, $2, $3, $4, $5, $6)`,
    [schema, owner, name, breaking, checksum, Math.round(ms)],
  )
}

/** What broken attempts to build an index left behind. */
export async function invalidIndexNames(session: AdminSession, schema: string): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select relname::text as name from pg_index
       join pg_class on pg_class.oid = indexrelid join pg_namespace on pg_namespace.oid = relnamespace
     where nspname = $1 and not indisvalid`,
    [schema],
  )
  return rows.map((row) => row.name)
}
