export { changeInUse, type InUseChange } from './change-in-use.ts'
export type { AdminSession, Database, DatabaseCheck, ReadOptions, TransactionOptions } from './database.ts'
export { DatabaseError, isUniqueViolation } from './db-errors.ts'
export { DataFolderError, DataFolderInUse } from './folder-lock.ts'
export { groundMigrations } from './ground-migrations.ts'
export { NestedTransactionError } from './guard.ts'
export { databaseIncarnation } from './incarnation-store.ts'
export { fitsJsonb } from './json-text.ts'
export type { AppliedMigration, MigrateDeps, MigrateOptions, MigrationReport } from './migrate.ts'
export { migrate } from './migrate.ts'
export type { Migration, MigrationSet, TableOptions, TablePrivileges } from './migration.ts'
export {
  APP_ROLE,
  POOL_SCHEMA,
  SHARED_SCHEMA,
  SYSTEM_ROLE,
  sharedTable,
  TENANT_SCHEMA_PREFIX,
  tenantTable,
} from './migration.ts'
export { migrationErrors } from './migration-errors.ts'
export type { MigrationRef, MigrationStatus } from './migration-status.ts'
export { assertCompatible, migrationStatus } from './migration-status.ts'
export type { DatabaseDeps, Instrument, PgliteOptionsInput, PostgresOptionsInput } from './options.ts'
export { json } from './parameters.ts'
export { openPglite, type PgliteDatabase } from './pglite.ts'
export { type Unusable, unusableIn } from './pglite-access.ts'
export { type Pooling, poolingOf } from './pooling.ts'
export { openPostgres } from './postgres.ts'
export type { DumpOptions } from './schema-dump.ts'
export { dumpSchema } from './schema-dump.ts'
export { sqlState } from './sql-state.ts'
export { identifier, literal } from './sql-text.ts'
export { type PreparedQuery, type Query, queryBuilder, statement } from './statement.ts'
export type { TenancyExceptions, TenancyOptions } from './tenancy.ts'
export { tenancyExceptions, tenancyProblems } from './tenancy.ts'
export { tenantErrors } from './tenant-errors.ts'
export type { TenantRecord } from './tenant-store.ts'
export type { NewTenant, Placement } from './tenants.ts'
export { createTenant, tenantById, tenantBySlug, tenantList } from './tenants.ts'
export type { Tx } from './transaction.ts'
export type { WireUsage } from './wire.ts'
