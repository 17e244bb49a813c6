import type { AdminSession } from './database.ts'
import { APP_ROLE, POOL_SCHEMA, SHARED_SCHEMA, SYSTEM_ROLE } from './migration.ts'

/** What is there of the roles, schemas and tables that migrations stand on. */
export interface GroundState {
  login: string
  database: string
  /** Roles that exist. */
  roles: string[]
  /** Roles that exist and see more than they may. */
  unsafe: string[]
  /** Roles that the login can switch to and whose rights it has. */
  usable: string[]
  schemas: string[]
  tables: boolean
}

/** One look at all of it. From PostgreSQL 16 on, membership and the right to switch to a role are two things. */
export async function groundState(session: AdminSession): Promise<GroundState> {
  const rows = await session.query<GroundState>(`
    with role as (
      select rolname::text as name, rolsuper or rolbypassrls as unsafe,
        pg_has_role(current_user, oid, 'USAGE') and pg_has_role(current_user, oid,
          case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) as usable
      from pg_roles where rolname in ('${APP_ROLE}', '${SYSTEM_ROLE}'))
    select current_user::text as login, current_database()::text as database,
      array(select name from role) as roles,
      array(select name from role where unsafe) as unsafe,
      array(select name from role where usable) as usable,
      array(select nspname::text from pg_namespace where nspname in ('${SHARED_SCHEMA}', '${POOL_SCHEMA}')) as schemas,
      to_regclass('${SHARED_SCHEMA}.placements') is not null
        and to_regclass('${SHARED_SCHEMA}.migrations') is not null as tables`)
  return rows[0] as GroundState
}

/** Makes the schemas that are missing, and the tables. */
export async function groundMade(session: AdminSession, missing: readonly string[]): Promise<void> {
  await session.exec(`
    begin;
    ${missing.map((schema) => `create schema ${schema};`).join('\n')}
    grant usage on schema ${SHARED_SCHEMA}, ${POOL_SCHEMA} to ${APP_ROLE}, ${SYSTEM_ROLE};
    create table if not exists ${SHARED_SCHEMA}.placements (
      schema text primary key,
      scope text not null check (scope in ('shared', 'tenant')),
      created_at timestamptz not null default now()
    );
    insert into ${SHARED_SCHEMA}.placements (schema, scope)
      values ('${SHARED_SCHEMA}', 'shared'), ('${POOL_SCHEMA}', 'tenant') on conflict do nothing;
    create table if not exists ${SHARED_SCHEMA}.migrations (
      schema text not null references ${SHARED_SCHEMA}.placements (schema),
      owner text not null,
      name text not null,
      breaking boolean not null,
      checksum text not null,
      duration_ms integer not null,
      applied_at timestamptz not null default now(),
      primary key (schema, owner, name)
    );
    commit`)
}

/** Makes the schema of a tenant, and lists it among those that are migrated. */
export async function placementMade(session: AdminSession, schema: string): Promise<void> {
  await session.exec(`
    create schema if not exists ${schema};
    grant usage on schema ${schema} to ${APP_ROLE}, ${SYSTEM_ROLE};
    insert into ${SHARED_SCHEMA}.placements (schema, scope) values ('${schema}', 'tenant') on conflict do nothing`)
}
