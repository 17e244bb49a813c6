import { createHash } from 'node:crypto'
import { StoaError } from '@stoa/kernel'
import type { AdminSession, Database } from './database.ts'
import { groundMigrations } from './ground-migrations.ts'
import { type Migration, type MigrationSet, POOL_SCHEMA, SHARED_SCHEMA } from './migration.ts'
import { migrationErrors } from './migration-errors.ts'
import { type Difference, differences, hasMigrations } from './migration-store.ts'

/** One migration in one schema. */
export interface MigrationRef {
  /** `stoa`, `stoa_pool` or `stoa_t_<slug>`. */
  readonly schema: string
  readonly owner: string
  readonly name: string
  readonly breaking: boolean
}

/** How a database compares with the migrations of a program. */
export interface MigrationStatus {
  /** In the program, not applied: in the order in which they would run. */
  readonly missing: readonly MigrationRef[]
  /** Applied with another text than the program's. */
  readonly changed: readonly MigrationRef[]
  /** Applied, and not known to the program: a newer release, or a module that is not installed. */
  readonly unknown: readonly MigrationRef[]
}

/** A migration with what the runner derives from it. */
export interface PlannedMigration extends Migration {
  readonly owner: string
  readonly checksum: string
}

/**
 * The migrations of all sets in the order in which they run, the ground's first.
 *
 * @throws Error when two sets share an owner or a set names a migration twice.
 */
export function plannedMigrations(sets: readonly MigrationSet[]): PlannedMigration[] {
  const seen = new Set<string>()
  const all = [groundMigrations, ...sets.filter((set) => set !== groundMigrations)]
  return all.flatMap((set) => {
    if (seen.has(set.owner)) throw new Error(`two sets of migrations belong to '${set.owner}'`)
    seen.add(set.owner)
    return set.migrations.map((migration) => {
      const key = `${set.owner}/${migration.name}`
      if (seen.has(key)) throw new Error(`the migration ${key} is listed twice`)
      seen.add(key)
      return { ...migration, owner: set.owner, checksum: migrationChecksum(migration) }
    })
  })
}

/** SHA-256 of the text that runs, in hex. */
function migrationChecksum(migration: Migration): string {
  return createHash('sha256').update(migration.up).digest('hex')
}

/** Which schemas are behind, changed or ahead. Reads only, takes no lock. */
export async function migrationStatus(
  db: Pick<Database, 'admin'>,
  sets: readonly MigrationSet[],
): Promise<MigrationStatus> {
  const planned = plannedMigrations(sets)
  return db.admin((session) => readStatus(session, planned))
}

/**
 * Passes when a program with these migrations can run on the database: everything it needs is applied, with the same
 * text, and whatever else is applied does not break it.
 *
 * @throws StoaError `schema_newer`, `migration_changed` or `schema_behind`, in this order of importance
 */
export async function assertCompatible(db: Pick<Database, 'admin'>, sets: readonly MigrationSet[]): Promise<void> {
  const status = await migrationStatus(db, sets)
  refuseForeign(status)
  if (status.missing.length === 0) return
  throw new StoaError(migrationErrors.schema_behind, {
    message: `The database lacks ${named(status.missing)}. Run the migrations of this release.`,
    context: { missing: status.missing },
  })
}

/** The part of the check that holds for the runner too. */
export function refuseForeign(status: MigrationStatus): void {
  const breaking = status.unknown.filter((ref) => ref.breaking)
  if (breaking.length > 0) {
    throw new StoaError(migrationErrors.schema_newer, {
      message: `The database was changed by a newer release that this one cannot run on: ${named(breaking)}. Start the newer release.`,
      context: { breaking },
    })
  }
  if (status.changed.length > 0) {
    throw new StoaError(migrationErrors.migration_changed, {
      message: `The text of ${named(status.changed)} is not the one that was applied. Applied migrations never change: restore the text and add a new migration.`,
      context: { changed: status.changed },
    })
  }
}

function named(refs: readonly MigrationRef[]): string {
  const first = refs.slice(0, 3).map((ref) => `${ref.owner}/${ref.name} in ${ref.schema}`)
  const rest = refs.length - first.length
  return `${refs.length === 1 ? 'the migration' : `${refs.length} migrations:`} ${first.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

/** The same comparison on a session that is already there. */
export async function readStatus(
  session: AdminSession,
  planned: readonly PlannedMigration[],
): Promise<MigrationStatus> {
  if (!(await hasMigrations(session))) return { missing: freshDatabase(planned), changed: [], unknown: [] }
  const rows = await differences(session, planned.map(comparable))
  const having = (state: Difference['state']) => rows.filter((row) => row.state === state).map(reference)
  return { missing: having('missing'), changed: having('changed'), unknown: having('unknown') }
}

function freshDatabase(planned: readonly PlannedMigration[]): MigrationRef[] {
  const inSchema = (scope: Migration['scope'], schema: string) =>
    planned.filter((migration) => migration.scope === scope).map((migration) => reference({ ...migration, schema }))
  return [...inSchema('shared', SHARED_SCHEMA), ...inSchema('tenant', POOL_SCHEMA)]
}

function comparable(migration: PlannedMigration, position: number): object {
  const { scope, owner, name, checksum, breaking } = migration
  return { position, scope, owner, name, checksum, breaking }
}

function reference({ schema, owner, name, breaking }: MigrationRef): MigrationRef {
  return { schema, owner, name, breaking }
}
