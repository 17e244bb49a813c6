/**
 * What is there before any migration can run, and the first migrations.
 *
 *     roles       stoa_app, stoa_system   of the whole cluster, so several databases may be creating them at this moment
 *     schemas     stoa, stoa_pool
 *     tables      stoa.placements         each schema that migrations run in
 *                 stoa.migrations         what has been applied where
 *
 * `prepareGround` makes these; it finds out what is missing in one query and changes nothing when all is there. It runs
 * under the migration lock of its database, which says nothing about the cluster: two databases can create the same
 * role at once, and PostgreSQL reports that in three different ways.
 */
import { StoaError } from '@stoa/kernel'
import type { AdminSession } from './database.ts'
import { type GroundState, groundMade, groundState } from './ground-store.ts'
import { APP_ROLE, type MigrationSet, POOL_SCHEMA, SHARED_SCHEMA, SYSTEM_ROLE } from './migration.ts'
import { migrationErrors } from './migration-errors.ts'
import { sqlState } from './sql-state.ts'
import { identifier } from './sql-text.ts'

const ROLES = [APP_ROLE, SYSTEM_ROLE]

/** The ground's own migrations. They always run first. */
export const groundMigrations: MigrationSet = {
  owner: 'db',
  migrations: [
    {
      name: '0001_installation',
      scope: 'shared',
      breaking: false,
      up: `
create table installation (
  id uuid not null,
  created_at timestamptz not null,
  only_row boolean not null default true primary key check (only_row)
);
insert into installation (id, created_at) values (gen_random_uuid(), now());
grant select on installation to ${APP_ROLE}, ${SYSTEM_ROLE};
`,
    },
    {
      name: '0002_tenants',
      scope: 'shared',
      breaking: false,
      up: `
create table tenants (
  id uuid primary key,
  slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{2,39}$'),
  name text not null check (char_length(name) between 1 and 200),
  schema text not null references placements (schema),
  created_at timestamptz not null
);
create unique index tenants_own_schema on tenants (schema) where schema <> '${POOL_SCHEMA}';
alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_rows on tenants to ${APP_ROLE} using (id = (select current_setting('stoa.tenant')::uuid));
create policy system_rows on tenants to ${SYSTEM_ROLE} using (true) with check (true);
grant select on tenants to ${APP_ROLE};
grant select, insert, update on tenants to ${SYSTEM_ROLE};
`,
    },
  ],
}

/**
 * Creates the roles, schemas and tables that migrations stand on, as far as they are missing.
 *
 * @throws StoaError `database_rights_missing`: the login may not; the message has the statements for an administrator.
 */
export async function prepareGround(session: AdminSession): Promise<void> {
  const state = await groundState(session)
  if (state.unsafe.length > 0) {
    throw rightsMissing(state, `These roles can see every tenant: ${state.unsafe.join(', ')}.`)
  }
  for (const role of ROLES) {
    if (!state.roles.includes(role)) await onCluster(session, state, `create role ${role} nologin nobypassrls`)
    if (!state.usable.includes(role)) await onCluster(session, state, `grant ${role} to current_user`)
  }
  const after = await groundState(session)
  const unusable = ROLES.filter((role) => !after.usable.includes(role))
  if (unusable.length > 0) throw rightsMissing(after, `The login cannot act as ${unusable.join(' and ')}.`)
  await createTables(session, after)
}

/** Somebody else, in another database of the cluster, did the same at the same moment. */
const ALREADY_DONE = new Set(['42710', '23505'])
/** `tuple concurrently updated`: PostgreSQL gives it the code of an internal error. */
const COLLISION = 'XX000'

async function onCluster(session: AdminSession, state: GroundState, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await session.exec(statement)
    } catch (cause) {
      const code = sqlState(cause)
      if (code === '42501') throw rightsMissing(state, 'The login may not create roles.', cause)
      if (code !== null && ALREADY_DONE.has(code)) return
      if (code !== COLLISION || attempt >= 20) throw cause
    }
  }
}

async function createTables(session: AdminSession, state: GroundState): Promise<void> {
  const missing = [SHARED_SCHEMA, POOL_SCHEMA].filter((schema) => !state.schemas.includes(schema))
  if (missing.length === 0 && state.tables) return
  try {
    await groundMade(session, missing)
  } catch (cause) {
    await session.exec('rollback')
    if (sqlState(cause) === '42501') throw rightsMissing(state, 'The login may not create schemas.', cause)
    throw cause
  }
}

function rightsMissing(state: GroundState, problem: string, cause?: unknown): StoaError {
  const login = identifier(state.login)
  const statements = [
    ...ROLES.filter((role) => !state.roles.includes(role)).map((role) => `create role ${role} nologin nobypassrls;`),
    ...state.unsafe.map((role) => `alter role ${role} nosuperuser nobypassrls;`),
    `grant ${ROLES.join(', ')} to ${login};`,
    `alter role ${login} inherit;`,
    `grant create on database ${identifier(state.database)} to ${login};`,
  ]
  return new StoaError(migrationErrors.database_rights_missing, {
    message: `${problem} An administrator of the database has to run:\n${statements.join('\n')}`,
    cause,
  })
}
