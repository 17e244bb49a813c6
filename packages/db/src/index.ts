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
