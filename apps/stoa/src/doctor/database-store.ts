import { type AdminSession, APP_ROLE, POOL_SCHEMA, SHARED_SCHEMA, SYSTEM_ROLE, TENANT_SCHEMA_PREFIX } from '@stoa/db'

/** What the server says of itself, of the login and of the two roles. */
export interface ServerFacts {
  readonly version: string
  readonly versionNum: number
  readonly now: Date
  readonly login: string
  readonly database: string
  readonly loginSeesAll: boolean
  /** Schemas in this database. */
  readonly mayCreate: boolean
  readonly mayCreateRoles: boolean
  readonly maxConnections: number
  readonly roles: readonly RoleFacts[]
}

/** One of the two roles. */
interface RoleFacts {
  readonly name: string
  /** Superuser or BYPASSRLS: row level security does not hold for it. */
  readonly seesAll: boolean
  /** The login may act as it. */
  readonly usable: boolean
}

/** Asks the server, in one statement. */
export async function serverFacts(session: AdminSession): Promise<ServerFacts> {
  const [row] = await session.query<ServerFacts>(`
    select current_setting('server_version') as version, current_setting('server_version_num')::int as version_num,
      clock_timestamp() as now, current_user::text as login, current_database()::text as database,
      (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as login_sees_all,
      (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as may_create_roles,
      has_database_privilege(current_database(), 'CREATE') as may_create,
      current_setting('max_connections')::int as max_connections,
      (select coalesce(jsonb_agg(jsonb_build_object('name', rolname, 'seesAll', rolsuper or rolbypassrls,
          'usable', pg_has_role(current_user, oid, 'MEMBER')) order by rolname), '[]')
        from pg_roles where rolname in ('${APP_ROLE}', '${SYSTEM_ROLE}')) as roles`)
  return row as ServerFacts
}

/** Tables with a tenant_id whose rows are not kept apart by row level security, the owner included. */
export async function openTables(session: AdminSession): Promise<string[]> {
  const rows = await session.query<{ name: string }>(`
    select n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition and not (c.relrowsecurity and c.relforcerowsecurity)
      and (n.nspname in ('${SHARED_SCHEMA}', '${POOL_SCHEMA}') or starts_with(n.nspname, '${TENANT_SCHEMA_PREFIX}'))
    order by 1`)
  return rows.map((row) => row.name)
}
