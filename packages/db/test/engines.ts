import { randomBytes } from 'node:crypto'
import { silentLogger, systemClock } from '@stoa/kernel'
import { emptyPglite } from '@stoa/testkit'
import type { Database } from '../src/index.ts'
import { openPglite, openPostgres } from '../src/index.ts'

export const deps = { log: silentLogger, clock: systemClock }

/** The server that the test runner started. */
function serverUrl(): string {
  const url = process.env.STOA_TEST_DATABASE_URL
  if (!url) throw new Error('STOA_TEST_DATABASE_URL is not set: run the tests by `npm test`')
  return url
}

export const engines = ['pglite', 'postgres'] as const

/** An empty database, dropped on dispose. For what lies below migrations; everything else uses the testkit. */
export async function openBareDatabase(
  engine: (typeof engines)[number],
  poolSize = 4,
): Promise<Database & { url: string }> {
  if (engine === 'pglite') {
    return Object.assign(await openPglite({ template: await emptyPglite() }, deps), { url: '' })
  }
  const maintenance = await openPostgres({ url: serverUrl(), poolSize: 1 }, deps)
  const name = `stoa_wire_${randomBytes(6).toString('hex')}`
  await maintenance.admin((session) => session.exec(`create database ${name}`))
  const url = new URL(serverUrl())
  url.pathname = `/${name}`
  const db = await openPostgres({ url: url.href, poolSize, acquireTimeoutMs: 5_000 }, deps)
  const close = db[Symbol.asyncDispose].bind(db)
  return Object.assign(db, {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await close()
      await maintenance.admin((session) => session.exec(`drop database ${name} with (force)`))
      await maintenance[Symbol.asyncDispose]()
    },
  })
}

const SCHEMA = `
  do $$ begin create role stoa_app nologin; exception when duplicate_object or unique_violation then null; end $$;
  do $$ begin create role stoa_system nologin; exception when duplicate_object or unique_violation then null; end $$;
  create schema stoa; create schema stoa_pool; create schema stoa_t_acme;
  grant usage on schema stoa, stoa_pool, stoa_t_acme to stoa_app, stoa_system;
  create table stoa_pool.notes (tenant_id uuid not null, id int not null, body text, tags text[], extra jsonb, at timestamptz, big bigint,
    raw bytea, primary key (tenant_id, id));
  create table stoa_t_acme.notes (like stoa_pool.notes including all);
`

const ISOLATE = (schema: string): string => `
  alter table ${schema}.notes enable row level security;
  alter table ${schema}.notes force row level security;
  create policy tenant on ${schema}.notes to stoa_app
    using (tenant_id = (select current_setting('stoa.tenant')::uuid)) with check (tenant_id = (select current_setting('stoa.tenant')::uuid));
  create policy system on ${schema}.notes to stoa_system using (true) with check (true);
  grant select, insert, update, delete on ${schema}.notes to stoa_app, stoa_system;
`

export async function withNotes<D extends Database>(db: D): Promise<D> {
  await db.admin((session) => session.exec(SCHEMA + ISOLATE('stoa_pool') + ISOLATE('stoa_t_acme')))
  return db
}
