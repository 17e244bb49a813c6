import { type AdminSession, type Database, migrate, openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { testServerUrl } from './engines.ts'
import { type TemplateContent, templateKey } from './template-key.ts'
import { createTestTenants } from './test-tenants.ts'

const deps = { clock: systemClock, log: silentLogger }
const KEPT_MS = 24 * 3_600_000

/** Creates a database that has this. */
export async function createFromTemplate(database: string, content: TemplateContent): Promise<void> {
  const template = `stoa_template_${await templateKey(content)}`
  await onServer(async (session) => {
    if (!(await exists(session, template))) await makeTemplate(session, template, content)
    // By the log (the default): STRATEGY FILE_COPY is no faster at this size, and each copy forces two checkpoints on
    // everybody.
    await session.exec(`create database ${database} template ${template}`)
  })
}

/** Drops a database, whoever is still connected to it. */
export async function dropDatabase(database: string): Promise<void> {
  await onServer((session) => session.exec(`drop database if exists ${database} with (force)`))
}

async function onServer(work: (session: AdminSession) => Promise<void>): Promise<void> {
  await using server: Database = await openPostgres({ url: testServerUrl(), poolSize: 1 }, deps)
  await server.admin(work)
}

async function exists(session: AdminSession, database: string): Promise<boolean> {
  return (await session.query('select from pg_database where datname = $1', [database])).length > 0
}

/** Makes the template under a name that says it is not finished; the lock goes with the session. */
async function makeTemplate(
  session: AdminSession,
  template: string,
  { sets, tenants }: TemplateContent,
): Promise<void> {
  await session.query('select pg_advisory_lock(hashtextextended($1, 0))', [template])
  if (await exists(session, template)) return
  await removeOld(session)
  const unfinished = `${template}_unfinished`
  await session.exec(`drop database if exists ${unfinished} with (force)`)
  await session.exec(`create database ${unfinished}`)
  const url = new URL(testServerUrl())
  url.pathname = `/${unfinished}`
  {
    await using db = await openPostgres({ url: url.href, poolSize: 1 }, deps)
    await migrate(db, sets, deps)
    if (tenants) await createTestTenants({ db, sets })
  }
  await session.exec(`comment on database ${unfinished} is '${new Date(systemClock.now()).toISOString()}'`)
  await session.exec(`alter database ${unfinished} allow_connections false`)
  await session.exec(`alter database ${unfinished} rename to ${template}`)
}

/** Templates of migrations that were changed since. A server that outlives its tests would gather them. */
async function removeOld(session: AdminSession): Promise<void> {
  const before = new Date(systemClock.now() - KEPT_MS).toISOString()
  const old = await session.query<{ name: string }>(
    `select datname::text as name from pg_database
     where datname like 'stoa\\_template\\_%' and shobj_description(oid, 'pg_database') < $1`,
    [before],
  )
  for (const { name } of old) await session.exec(`drop database if exists ${name}`)
}
