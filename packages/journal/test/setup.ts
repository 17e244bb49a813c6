import { randomBytes } from 'node:crypto'
import { type Database, openPglite, openPostgres } from '@stoa/db'
import { type Ctx, newId, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { Type } from 'typebox'
import { defineEvent, journalMigrations } from '../src/index.ts'

export const engines = ['pglite', 'postgres'] as const
export type Engine = (typeof engines)[number]

export const noted = defineEvent({
  type: 'test.noted',
  version: 1,
  description: 'Something was noted.',
  data: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
})

const GROUND = `
do $$ begin create role stoa_app nologin; exception when duplicate_object or unique_violation then null; end $$;
do $$ begin create role stoa_system nologin; exception when duplicate_object or unique_violation then null; end $$;
create schema stoa; create schema stoa_pool; grant usage on schema stoa, stoa_pool to stoa_app, stoa_system; set search_path = stoa;`

const deps = { log: silentLogger, clock: systemClock }

export interface TestDatabase extends AsyncDisposable {
  readonly db: Database
  /** A second process's view of the same database; the same one on PGlite. */
  open(): Promise<Database>
}

export async function openDatabase(engine: Engine): Promise<TestDatabase> {
  if (engine === 'pglite') {
    const db = await openPglite({ dataDir: null }, deps)
    await migrateJournal(db)
    return { db, open: async () => db, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
  }
  const url = process.env.STOA_TEST_DATABASE_URL ?? 'postgres://stoa@127.0.0.1:5599/postgres'
  const name = `journal_${randomBytes(6).toString('hex')}`
  const maintenance = await openPostgres({ url }, deps)
  await maintenance.admin((session) => session.exec(`create database ${name}`))
  const own = new URL(url)
  own.pathname = `/${name}`
  const opened: Database[] = []
  const open = async (): Promise<Database> => {
    const db = await openPostgres({ url: own.href, poolSize: 30 }, deps)
    opened.push(db)
    return db
  }
  const db = await open()
  await migrateJournal(db)
  return {
    db,
    open,
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each[Symbol.asyncDispose]()
      await maintenance.admin((session) => session.exec(`drop database ${name} with (force)`))
      await maintenance[Symbol.asyncDispose]()
    },
  }
}

async function migrateJournal(db: Database): Promise<void> {
  await db.admin((session) => session.exec(GROUND + journalMigrations.migrations.map((m) => m.up).join('\n')))
}

export function newTenant(slug = 'acme'): Ctx {
  const tenant = { id: newId(), slug, schema: 'stoa_pool' }
  return tenantCtx(systemCtx(deps, 'test'), tenant)
}
