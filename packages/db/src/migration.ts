/**
 * What a migration is, and the SQL every table needs besides its own definition.
 *
 * A package or a module lists its migrations statically, in order, as `MigrationSet`. The text of a migration that has
 * been applied somewhere never changes again: the runner keeps its checksum and refuses a changed one. The text made by
 * `tenantTable` and `sharedTable` becomes part of migrations too, so what they return for given arguments is frozen; a
 * new need gets a new option or a new function.
 */

/** One step of the schema. */
export interface Migration {
  /** Four digits, an underscore, lower case words: `0001_links`. Unique within its set, ascending. */
  readonly name: string
  /** `shared`: once per database, in the schema `stoa`. `tenant`: once in every schema that holds tenants' tables. */
  readonly scope: 'shared' | 'tenant'
  /**
   * True when the release before this one can no longer run on the result. A server refuses such a schema when it starts;
   * those that run are stopped before, so the migration may also build indexes and write tables anew.
   */
  readonly breaking: boolean
  /**
   * False for the one statement that PostgreSQL refuses inside a transaction: `CREATE INDEX CONCURRENTLY IF NOT EXISTS`
   * or `DROP INDEX CONCURRENTLY IF EXISTS`. An invalid index left by a broken attempt is dropped first. Default: true.
   */
  readonly transactional?: boolean
  /** SQL with unqualified names: the search path is `stoa`, or the tenants' schema and then `stoa`. */
  readonly up: string
}

/** The migrations of one package or module. */
export interface MigrationSet {
  /** Name of the package or module, e.g. `links`. */
  readonly owner: string
  readonly migrations: readonly Migration[]
}

/** The role of every request and job that acts for one tenant; row level security shows it that tenant's rows only. */
export const APP_ROLE = 'stoa_app'
/** The role of work across tenants: readers of the journal, key lookup, administration of tenants. */
export const SYSTEM_ROLE = 'stoa_system'
/** Schema of the tables that exist once per database. */
export const SHARED_SCHEMA = 'stoa'
/** Schema of the rooms' tables of all pooled tenants. */
export const POOL_SCHEMA = 'stoa_pool'
/** Prefix of the schema of a tenant that has one of its own. */
export const TENANT_SCHEMA_PREFIX = 'stoa_t_'

/** What a role may do with a table. */
export type TablePrivileges =
  | 'none'
  | 'select'
  | 'insert'
  | 'select,insert'
  | 'select,insert,update'
  | 'select,insert,delete'
  | 'select,insert,update,delete'
  | 'select,update'
  | 'select,update,delete'
  | 'select,delete'

/** Options of `tenantTable` and `sharedTable`. */
export interface TableOptions {
  /** What `stoa_app` may do. Default: everything for a tenant table, `select` for a shared one. */
  readonly app?: TablePrivileges
  /** What `stoa_system` may do. Default: `select,insert,update,delete`. */
  readonly system?: TablePrivileges
}

/**
 * SQL that makes an existing table a tenant table: row level security forced (the owner included), `stoa_app` bound to
 * the rows of the transaction's tenant, `stoa_system` to none, and the grants. The table has `tenant_id uuid not null`
 * first in its primary key and in every unique key. Partitions get nothing of their own: they are reached through the
 * parent.
 *
 * The setting is read in a sub-select so that PostgreSQL evaluates it once per query and not once per row.
 *
 * @throws Error when `table` is not a plain lower case identifier.
 */
export function tenantTable(table: string, options: TableOptions = {}): string {
  const name = identifier(table)
  const own = "tenant_id = (select current_setting('stoa.tenant')::uuid)"
  return `
alter table ${name} enable row level security;
alter table ${name} force row level security;
create policy tenant_rows on ${name} to ${APP_ROLE} using (${own}) with check (${own});
create policy system_rows on ${name} to ${SYSTEM_ROLE} using (true) with check (true);
${grants(name, options, 'select,insert,update,delete')}`
}

/**
 * SQL with the grants of a table that is not a tenant's: it has no `tenant_id` and must stand, with its reason, on the
 * program's list (`tenancyExceptions`).
 *
 * @throws Error when `table` is not a plain lower case identifier.
 */
export function sharedTable(table: string, options: TableOptions = {}): string {
  return `\n${grants(identifier(table), options, 'select')}`
}

function grants(name: string, options: TableOptions, app: TablePrivileges): string {
  const grant = (role: string, privileges: TablePrivileges) =>
    privileges === 'none' ? '' : `grant ${privileges} on ${name} to ${role};\n`
  return grant(APP_ROLE, options.app ?? app) + grant(SYSTEM_ROLE, options.system ?? 'select,insert,update,delete')
}

function identifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) {
    throw new Error(`'${name}' is not a plain table name: lower case letters, digits and underscores, without a schema`)
  }
  return name
}
