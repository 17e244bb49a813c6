/**
 * The runner of migrations.
 *
 *     take the lock → prepare the ground → compare every schema with the list, in one query → apply what is missing, in order
 *
 * - **One at a time.** A session-level advisory lock of the database, held on the one connection that does the work. So
 *   this needs a direct connection: a pooler in transaction mode would hand the lock to somebody else. The lock is
 *   polled, not waited for: a session that waits inside PostgreSQL holds a snapshot, and `CREATE INDEX CONCURRENTLY` of
 *   the one that has the lock would wait for that snapshot for ever.
 * - **Never in the way.** `lock_timeout` bounds how long a statement may queue for a table, because everyone behind it
 *   queues too. It is tried again, later each time.
 * - **Resumable.** Each migration commits together with the row that says so. A run that failed or was killed goes on
 *   where it stopped.
 * - **Without a transaction** runs one statement that is idempotent by its IF (NOT) EXISTS. What a broken
 *   `CREATE INDEX CONCURRENTLY` leaves behind is an invalid index under the right name; it is dropped first.
 */
import {
  backoffMs,
  type Clock,
  type Logger,
  type OptionsSpec,
  optionalFunction,
  resolveOptions,
  StoaError,
} from '@stoa/kernel'
import type { AdminSession, Database } from './database.ts'
import { prepareGround } from './ground-migrations.ts'
import { type MigrationSet, SHARED_SCHEMA } from './migration.ts'
import { migrationErrors } from './migration-errors.ts'
import {
  type MigrationRef,
  type PlannedMigration,
  plannedMigrations,
  readStatus,
  refuseForeign,
} from './migration-status.ts'
import { invalidIndexNames, migrationLockReleased, migrationLockTaken, migrationRecorded } from './migration-store.ts'
import { sqlState } from './sql-state.ts'

/** What the runner needs from outside. */
export interface MigrateDeps {
  readonly log: Logger
  readonly clock: Clock
}

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** List what would run, change nothing and take no lock. Default: false. */
  readonly dryRun?: boolean
  /**
   * How long one statement may wait for a lock on a table, in milliseconds, 1 to 60,000. Longer gets through more
   * often; all other users of the table wait as long behind it. Default: 3,000.
   */
  readonly lockTimeoutMs?: number
  /** How often a migration is tried when its lock is not to be had, 1 to 100. Default: 10. */
  readonly lockAttempts?: number
  /** How long to wait for another process that is migrating, in milliseconds, from 0. Default: 600,000. */
  readonly waitMs?: number
  /** Called after each migration. */
  readonly onApplied?: (applied: AppliedMigration) => void
}

/** A migration that ran. */
export interface AppliedMigration extends MigrationRef {
  /** How long it took, in milliseconds, waiting for locks included. */
  readonly ms: number
}

/** What a run did. */
export interface MigrationReport {
  /** In order; empty when there was nothing to do. */
  readonly applied: readonly AppliedMigration[]
  /** What is missing still: everything in a dry run, else nothing. */
  readonly pending: readonly MigrationRef[]
}

const optionsSpec = {
  dryRun: { type: 'boolean', default: false },
  lockTimeoutMs: { type: 'integer', min: 1, max: 60_000, default: 3_000 },
  lockAttempts: { type: 'integer', min: 1, max: 100, default: 10 },
  waitMs: { type: 'integer', min: 0, default: 600_000 },
  onApplied: optionalFunction<(applied: AppliedMigration) => void>(),
} as const satisfies OptionsSpec

interface ApplyOptions extends MigrateDeps {
  readonly lockTimeoutMs: number
  readonly lockAttempts: number
  readonly onApplied: ((applied: AppliedMigration) => void) | undefined
}

/**
 * Brings every schema of the database up to the given migrations: the shared one, the pool and each tenant's own.
 *
 * @throws StoaError `migration_failed` (the cause is the database's error), `migration_locked`, `migration_busy`,
 *   `migration_changed`, `schema_newer`, `database_rights_missing`
 */
export async function migrate(
  db: Pick<Database, 'admin'>,
  sets: readonly MigrationSet[],
  deps: MigrateDeps,
  options: MigrateOptions = {},
): Promise<MigrationReport> {
  const planned = plannedMigrations(sets)
  const { dryRun, waitMs, ...rest } = resolveOptions(optionsSpec, options, { name: 'migrate' })
  return db.admin(async (session) => {
    if (dryRun) {
      const status = await readStatus(session, planned)
      refuseForeign(status)
      return { applied: [], pending: status.missing }
    }
    return withMigrationLock(session, deps, waitMs, async () => {
      await prepareGround(session)
      return { applied: await applyMissing(session, planned, { ...deps, ...rest }), pending: [] }
    })
  })
}

/** The defaults of everything that {@link applyMissing} takes. */
export function applyOptions(deps: MigrateDeps): ApplyOptions {
  return { ...resolveOptions(optionsSpec, {}), ...deps }
}

/** Applies what is missing in every placement. The caller holds the lock, and the ground is prepared. */
export async function applyMissing(
  session: AdminSession,
  planned: readonly PlannedMigration[],
  options: ApplyOptions,
): Promise<AppliedMigration[]> {
  const { clock, log, onApplied } = options
  const status = await readStatus(session, planned)
  refuseForeign(status)
  const byKey = new Map(planned.map((migration) => [`${migration.owner}/${migration.name}`, migration]))
  const applied: AppliedMigration[] = []
  for (const ref of status.missing) {
    const migration = byKey.get(`${ref.owner}/${ref.name}`) as PlannedMigration
    const started = clock.now()
    await applyPatiently(session, migration, ref.schema, options)
    const done = { ...ref, ms: clock.now() - started }
    log.info({ migration: done }, 'migration applied')
    onApplied?.(done)
    applied.push(done)
  }
  return applied
}

const LOCK_POLL_MS = 200

/**
 * Runs `work` while no other process migrates this database or creates a tenant's schema in it.
 *
 * @throws StoaError `migration_busy` after `waitMs`
 */
export async function withMigrationLock<T>(
  session: AdminSession,
  { clock, log }: MigrateDeps,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = clock.now() + waitMs
  for (let waits = 0; !(await migrationLockTaken(session)); waits++) {
    if (waits === 0) log.info({ waitMs }, 'another process is migrating this database: waiting for it')
    if (clock.now() >= deadline) throw new StoaError(migrationErrors.migration_busy, { context: { waitMs } })
    await clock.sleep(LOCK_POLL_MS * (0.5 + Math.random()))
  }
  try {
    return await work()
  } finally {
    // A connection that broke has lost the lock already; what broke it must not be hidden by this.
    await migrationLockReleased(session).catch((err: unknown) => {
      log.warn({ err }, 'the migration lock could not be released: the connection is gone')
    })
  }
}

/** 55P03 lock_not_available, 40P01 deadlock_detected, 40001 serialization_failure. */
const LOCK_TROUBLE = new Set(['55P03', '40P01', '40001'])
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

async function applyPatiently(
  session: AdminSession,
  migration: PlannedMigration,
  schema: string,
  options: ApplyOptions,
): Promise<void> {
  const { clock, log, lockTimeoutMs, lockAttempts } = options
  const apply = migration.transactional === false ? applyAlone : applyInTransaction
  const name = `${migration.owner}/${migration.name}`
  for (let attempt = 1; ; attempt++) {
    try {
      return await apply(session, migration, schema, options)
    } catch (cause) {
      const code = sqlState(cause)
      if (code === null || !LOCK_TROUBLE.has(code)) {
        throw new StoaError(migrationErrors.migration_failed, {
          message: `The migration ${name} failed in ${schema}: ${cause instanceof Error ? cause.message : cause}`,
          context: { schema, migration: name },
          cause,
        })
      }
      if (attempt >= lockAttempts) {
        throw new StoaError(migrationErrors.migration_locked, {
          message: `The migration ${name} could not get its lock in ${schema} in ${attempt} attempts of ${lockTimeoutMs} ms: other transactions held the table. Run it again.`,
          context: { schema, migration: name },
          cause,
        })
      }
      const pauseMs = backoffMs(attempt - 1, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
      log.info({ schema, migration: name, attempt, pauseMs }, 'a migration waits for a lock')
      await clock.sleep(pauseMs)
    }
  }
}

async function applyInTransaction(
  session: AdminSession,
  migration: PlannedMigration,
  schema: string,
  { clock, lockTimeoutMs }: ApplyOptions,
): Promise<void> {
  const started = clock.now()
  try {
    await session.exec(`begin;
      set local lock_timeout = ${lockTimeoutMs};
      set local statement_timeout = 0;
      set local search_path = ${searchPath(schema)}`)
    await session.exec(migration.up)
    await migrationRecorded(session, migration, schema, clock.now() - started)
    await session.exec('commit')
  } catch (error) {
    // When the connection is gone there is nothing to roll back, and the first error is the one that matters.
    await session.exec('rollback').catch(() => {})
    throw error
  }
}

async function applyAlone(
  session: AdminSession,
  migration: PlannedMigration,
  schema: string,
  { clock }: ApplyOptions,
): Promise<void> {
  const started = clock.now()
  try {
    // No lock_timeout: building an index concurrently waits for older transactions, and hinders nobody while it does.
    await session.exec(`set lock_timeout = 0; set statement_timeout = 0; set search_path = ${searchPath(schema)}`)
    for (const index of await invalidIndexes(session, migration, schema)) {
      await session.exec(`drop index concurrently if exists ${schema}."${index}"`)
    }
    await session.exec(migration.up)
    const [broken] = await invalidIndexes(session, migration, schema)
    if (broken !== undefined) throw new Error(`the index ${broken} was built and is not valid`)
    await migrationRecorded(session, migration, schema, clock.now() - started)
  } finally {
    await session.exec('reset lock_timeout; reset statement_timeout; reset search_path').catch(() => {})
  }
}

/**
 * Invalid indexes of the schema that the migration names: only a broken attempt of this very migration can have left
 * them.
 */
async function invalidIndexes(session: AdminSession, migration: PlannedMigration, schema: string): Promise<string[]> {
  const words = new Set(migration.up.match(/[a-z0-9_]+/g))
  return (await invalidIndexNames(session, schema)).filter((name) => words.has(name))
}

/**
 * Room tables come from the placement, shared tables from `stoa`; names of schemas are made of letters, digits and `_`.
 */
function searchPath(schema: string): string {
  return schema === SHARED_SCHEMA ? SHARED_SCHEMA : `${schema}, ${SHARED_SCHEMA}`
}
