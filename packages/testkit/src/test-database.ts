/**
 * A database per test file, with all migrations applied, made from a template in a fraction of the time that migrating
 * takes.
 *
 *     postgres   a template database on the server, named after the migrations; made once, under an advisory lock, by whoever comes
 *                first; each test database is a copy of it
 *     pglite     an image in the folder for temporary files, named after the migrations and the engine's version; loaded into memory.
 *                Beside it the same as a folder, to be copied for a program that keeps its data in one
 *
 * The name is a hash of the migrations and of the source of `@stoa/db`, so a template is never older than what it
 * stands for.
 */
import { randomBytes } from 'node:crypto'
import { type Database, type MigrationSet, openPglite, openPostgres } from '@stoa/db'
import { type Clock, type Logger, silentLogger, systemClock } from '@stoa/kernel'
import { type Engine, testServerUrl } from './engines.ts'
import { pgliteTemplate } from './pglite-template.ts'
import { createFromTemplate, dropDatabase } from './postgres-template.ts'
import type { TemplateContent } from './template-key.ts'

/** What a test database is made of. */
export interface TestDatabaseOptions {
  /** The migrations it has; the ground's are there always. Default: none. */
  readonly sets?: readonly MigrationSet[]
  /**
   * The tenants of `createTestTenants` are there already, and wait for it to be called: that spares it the migrations of a
   * schema. Default: no tenant is there.
   */
  readonly tenants?: boolean
  /**
   * A word for the name of the database, to recognise it on the server: `a-z`, `0-9`, `_`, up to 20 characters.
   * Default: `test`.
   */
  readonly name?: string
  /** Connections at most, PostgreSQL only. Default: 5. */
  readonly poolSize?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: silent. */
  readonly log?: Logger
}

/** A database that nobody else uses. Disposing it closes everything that was opened and drops it. */
export interface TestDatabase extends AsyncDisposable {
  readonly engine: Engine
  readonly db: Database
  readonly sets: readonly MigrationSet[]
  /** Where it is, for another process or client; null for PGlite, which lives in this process. */
  readonly url: string | null
  /** Another handle on the same database, as a second process has one. PGlite has one handle only and gives that. */
  open(): Promise<Database>
}

/**
 * Opens a migrated database of its own.
 *
 * @throws Error when there is no server: see {@link testServerUrl}
 */
export async function openTestDatabase(engine: Engine, options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  return engine === 'pglite' ? openOnPglite(options) : openOnPostgres(options)
}

async function openOnPglite({
  sets = [],
  tenants = false,
  clock = systemClock,
  log = silentLogger,
}: TestDatabaseOptions): Promise<TestDatabase> {
  const db = await openPglite({ template: await pgliteTemplate({ sets, tenants }) }, { clock, log })
  return {
    engine: 'pglite',
    db,
    sets,
    url: null,
    open: async () => db,
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

async function openOnPostgres(options: TestDatabaseOptions): Promise<TestDatabase> {
  const { sets = [], tenants = false, name = 'test', poolSize = 5, clock = systemClock, log = silentLogger } = options
  const { url, [Symbol.asyncDispose]: drop } = await createOnPostgres(name, { sets, tenants })
  const opened: Database[] = []
  const open = async (): Promise<Database> => {
    const db = await openPostgres({ url, poolSize }, { clock, log })
    opened.push(db)
    return db
  }
  return {
    engine: 'postgres',
    db: await open(),
    sets,
    url,
    open,
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(opened.map((db) => db[Symbol.asyncDispose]()))
      await drop()
    },
  }
}

/** A migrated database on the server that nobody has opened; dropped on dispose, whoever is connected then. */
export async function createOnPostgres(
  name: string,
  content: TemplateContent,
): Promise<AsyncDisposable & { readonly url: string }> {
  if (!/^[a-z0-9_]{1,20}$/.test(name)) throw new Error(`'${name}' is not a word for the name of a database`)
  const database = `stoa_${name}_${randomBytes(6).toString('hex')}`
  const url = new URL(testServerUrl())
  url.pathname = `/${database}`
  await createFromTemplate(database, content)
  return { url: url.href, [Symbol.asyncDispose]: () => dropDatabase(database) }
}
