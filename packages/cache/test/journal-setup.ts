import { type Database, type MigrationSet, statement, tenantTable } from '@stoa/db'
import { createJournal, defineEvent, type Hints, type Journal, journalMigrations, processHints } from '@stoa/journal'
import { type Ctx, newId, silentLogger, systemClock } from '@stoa/kernel'
import { type Engine, openTestDatabase, type TestDatabase, testCtx, whenTestsEnd } from '@stoa/testkit'
import { Type } from 'typebox'
import { type Cache, dropFromJournal, type JournalDrops, type JournalDropsOptions } from '../src/index.ts'
import { connected, type Installation, install, type Process } from './redis-setup.ts'

const things: MigrationSet = {
  owner: 'things',
  migrations: [
    {
      name: '0001_things',
      scope: 'shared',
      breaking: false,
      up: `create table things (tenant_id uuid not null, id text not null, value integer not null, primary key (tenant_id, id));
${tenantTable('things')}`,
    },
  ],
}

export const changed = defineEvent({
  type: 'thing.changed',
  version: 1,
  description: 'A thing was changed.',
  data: Type.Object({}),
})

const thingById = statement<[tenantId: string, id: string], { value: number }>(
  'select value from stoa.things where tenant_id = $1 and id = $2',
)
const thingWritten = statement<[tenantId: string, id: string, value: number], never>(
  `insert into stoa.things (tenant_id, id, value) values ($1, $2, $3)
on conflict (tenant_id, id) do update set value = excluded.value`,
)

const thingBumped = statement<[tenantId: string, id: string], { value: number }>(
  `insert into stoa.things (tenant_id, id, value) values ($1, $2, 1)
on conflict (tenant_id, id) do update set value = stoa.things.value + 1 returning value`,
)

/** A process of the installation: its own connections, journal and cache. */
interface Node extends AsyncDisposable {
  readonly db: Database
  readonly journal: Journal
  readonly process: Process
  readonly cache: Cache
  readonly drops: JournalDrops
  /** The value of a thing, by the cache. */
  get(id?: string): Promise<number>
  /** By the database. */
  load(id?: string): Promise<number>
  /** How often things were loaded by {@link Node.get}. */
  readonly loads: number
  /** Writes a thing and says so in the journal. */
  set(value: number, id?: string): Promise<void>
  /** Adds one to a thing and says so in the journal. @returns what it is then */
  bump(id: string): Promise<number>
}

export interface World extends AsyncDisposable {
  readonly installation: Installation
  readonly ctx: Ctx
  start(options?: NodeOptions): Promise<Node>
}

interface NodeOptions {
  readonly hints?: Hints
  readonly pollMs?: number
  readonly shared?: boolean
  readonly memoryBytes?: number
  readonly tagsOf?: JournalDropsOptions['tagsOf']
}

/** One per engine for all tests: each has a tenant and a Redis prefix of its own. */
const databases = new Map<Engine, Promise<TestDatabase>>()
whenTestsEnd(async () => {
  for (const database of databases.values()) await (await database)[Symbol.asyncDispose]()
})

function databaseOf(engine: Engine): Promise<TestDatabase> {
  const options = { sets: [journalMigrations, things], name: 'cache', poolSize: 10 }
  const database = databases.get(engine) ?? openTestDatabase(engine, options)
  databases.set(engine, database)
  return database
}

/** A database with things, a journal and a Redis. */
export async function world(engine: Engine): Promise<World> {
  const database = await databaseOf(engine)
  const installation = await install()
  const ctx = testCtx({ tenant: { id: newId(), slug: 'acme', schema: 'stoa_pool' } })
  const nodes: Node[] = []
  return {
    installation,
    ctx,
    async start(options = {}) {
      const node = await startNode(database, installation, ctx, options)
      nodes.push(node)
      return node
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node[Symbol.asyncDispose]()
      await installation[Symbol.asyncDispose]()
    },
  }
}

async function startNode(
  database: TestDatabase,
  installation: Installation,
  ctx: Ctx,
  { hints = processHints(), pollMs = 50, shared = true, memoryBytes = 2 ** 20, tagsOf }: NodeOptions,
): Promise<Node> {
  const db = await database.open()
  const deps = { db, hints, log: silentLogger, clock: systemClock }
  const journal = createJournal({ events: [changed] }, deps)
  const bypass = () => db.inTransaction()
  const process = installation.start({ memoryBytes }, { bypass })
  const alone = shared ? null : installation.startAlone({ memoryBytes }, { bypass })
  const cache = alone ?? process.cache
  if (shared) await connected(process)
  const drops = dropFromJournal(cache, journal, { pollMs, ...(tagsOf && { tagsOf }) })
  await drops.ready
  const tenantId = ctx.tenant.id
  const load = async (id = '1') => (await db.read(ctx, (tx) => tx.maybe(thingById(tenantId, id))))?.value ?? 0
  let loads = 0
  return {
    db,
    journal,
    process,
    cache,
    drops,
    load,
    get: (id = '1') =>
      cache.wrap(ctx, `thing ${id}`, { tags: [`thing:${id}`], ttlMs: 3_600_000 }, () => {
        loads++
        return load(id)
      }),
    get loads() {
      return loads
    },
    async set(value, id = '1') {
      await db.transaction(ctx, async (tx) => {
        tx.later(thingWritten(tenantId, id, value))
        journal.append(ctx, tx, changed.of({}, [`thing:${id}`]))
      })
    },
    bump: (id) =>
      db.transaction(ctx, async (tx) => {
        const { value } = await tx.one(thingBumped(tenantId, id))
        journal.append(ctx, tx, changed.of({}, [`thing:${id}`]))
        return value
      }),
    async [Symbol.asyncDispose]() {
      await drops[Symbol.asyncDispose]()
      if (database.engine === 'postgres') await db[Symbol.asyncDispose]()
    },
  }
}
