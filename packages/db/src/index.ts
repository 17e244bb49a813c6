export type { AdminSession, Database, DatabaseCheck, ReadOptions, TransactionOptions } from './database.ts'
export { DatabaseError, isUniqueViolation } from './db-errors.ts'
export { DataFolderError } from './folder-lock.ts'
export { NestedTransactionError } from './guard.ts'
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
export type { DatabaseDeps, Instrument, PgliteOptionsInput, PostgresOptionsInput } from './options.ts'
export { json } from './parameters.ts'
export { openPglite, type PgliteDatabase } from './pglite.ts'
export { openPostgres } from './postgres.ts'
export { identifier, literal } from './sql-text.ts'
export { type PreparedQuery, type Query, queryBuilder, statement } from './statement.ts'
export type { Tx } from './transaction.ts'
export type { WireUsage } from './wire.ts'
