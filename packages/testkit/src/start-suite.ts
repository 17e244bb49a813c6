/**
 * The whole program, on a free port and a database of its own, as the outside sees it. How the program is put together
 * is the business of whoever calls, because packages know no app.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database, MigrationSet } from '@stoa/db'
import type { Ctx } from '@stoa/kernel'
import type { Engine } from './engines.ts'
import { createPgliteFolder } from './pglite-template.ts'
import { TestClient } from './test-client.ts'
import { createOnPostgres } from './test-database.ts'
import { type TestTenants, testCtx, testTenantsOf } from './test-tenants.ts'

/** Where the program runs. */
export interface SuitePlace {
  readonly engine: Engine
  /** The migrated database; null when it is PGlite, in `<dataDir>/db`. */
  readonly databaseUrl: string | null
  /** A folder of its own, removed on dispose. */
  readonly dataDir: string
}

/** What the suite needs of the running program. */
export interface SuiteProgram extends AsyncDisposable {
  /** Origin, without a slash at the end. */
  readonly url: string
  readonly db: Database
  readonly apiKeys: {
    create(ctx: Ctx, key: { name: string; scopes: string[]; expiresAt: null }): Promise<{ readonly token: string }>
  }
}

/** How to start. */
export interface SuiteOptions<Program extends SuiteProgram> {
  readonly engine: Engine
  /** The migrations of the program. */
  readonly sets: readonly MigrationSet[]
  /** A word for the name of the database. Default: `suite`. */
  readonly name?: string
  /** Starts the program on port 0. It is called again by `restart`, with the same place. */
  start(place: SuitePlace): Promise<Program>
}

/** A running program with three tenants. */
export interface Suite<Program extends SuiteProgram> extends AsyncDisposable {
  readonly engine: Engine
  readonly place: SuitePlace
  /** The program that runs now. */
  readonly program: Program
  readonly tenants: TestTenants
  /** A client with a new key of the tenant. Default scopes: all. */
  client(tenant?: keyof TestTenants, scopes?: readonly string[]): Promise<TestClient>
  /** A client without a key. */
  anonymous(): TestClient
  /** Stops the program and starts it again in the same place; the port is another one. */
  restart(): Promise<void>
}

/** Starts the program on an engine, with the tenants of {@link createTestTenants}. */
export async function startSuite<Program extends SuiteProgram>(
  options: SuiteOptions<Program>,
): Promise<Suite<Program>> {
  const place = await testPlace(options, true)
  try {
    return await startIn(place, options)
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
}

async function startIn<Program extends SuiteProgram>(
  place: SuitePlace & AsyncDisposable,
  options: SuiteOptions<Program>,
): Promise<Suite<Program>> {
  let program = await options.start(place)
  const tenants = await testTenantsOf(program.db)
  return {
    engine: options.engine,
    place,
    tenants,
    get program() {
      return program
    },
    async client(tenant = 'pooled', scopes = ['*']) {
      const key = { name: 'test', scopes: [...scopes], expiresAt: null }
      const { token } = await program.apiKeys.create(testCtx({ tenant: tenants[tenant] }), key)
      return new TestClient(program.url, token)
    },
    anonymous: () => new TestClient(program.url, null),
    async restart() {
      await program[Symbol.asyncDispose]()
      program = await options.start(place)
    },
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    },
  }
}

/**
 * A folder and a migrated database where nothing runs yet. Disposing it removes both.
 *
 * @param tenants with the tenants of `createTestTenants`
 */
export async function testPlace(
  { engine, sets, name = 'suite' }: Pick<SuiteOptions<SuiteProgram>, 'engine' | 'sets' | 'name'>,
  tenants = false,
): Promise<SuitePlace & AsyncDisposable> {
  const dataDir = await mkdtemp(join(tmpdir(), 'stoa-suite-'))
  const removed = () => rm(dataDir, { recursive: true, force: true })
  if (engine === 'postgres') {
    const database = await createOnPostgres(name, { sets, tenants })
    const dispose = async () => {
      await database[Symbol.asyncDispose]()
      await removed()
    }
    return { engine, databaseUrl: database.url, dataDir, [Symbol.asyncDispose]: dispose }
  }
  await createPgliteFolder(join(dataDir, 'db'), { sets, tenants })
  return { engine, databaseUrl: null, dataDir, [Symbol.asyncDispose]: removed }
}
