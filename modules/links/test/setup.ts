import { EventEmitter, once } from 'node:events'
import { after, before, describe } from 'node:test'
import { createCache, dropFromJournal, type SharedEntries } from '@stoa/cache'
import type { Database } from '@stoa/db'
import { type AuthScheme, createHttp, httpMigrations, TenantHosts } from '@stoa/http'
import { createJournal, type JournalEvent, journalMigrations, processHints } from '@stoa/journal'
import { type Clock, Resources, silentLogger, systemClock, systemCtx, type Tenant } from '@stoa/kernel'
import { createMemoryStore } from '@stoa/limiter'
import type { Columns } from '@stoa/module'
import { createQueue, type JobDefinition, queueMigrations } from '@stoa/queue'
import { createRealtime } from '@stoa/realtime'
import { createHealth, createMetrics, type Health, type Metrics } from '@stoa/telemetry'
import { createTestTenants, type Engine, engines, openTestDatabase, TestClient, type TestTenants } from '@stoa/testkit'
import { linksModule } from '../src/module.ts'

/** The tenants that every story is told for: one in the pool, one with a schema of its own. */
const told = ['pooled', 'placed'] as const

/** The machine's clock, which a test can put forward. */
interface TestClock extends Clock {
  advance(ms: number): void
}

function testClock(): TestClock {
  let ahead = 0
  return {
    now: () => systemClock.now() + ahead,
    sleep: systemClock.sleep,
    advance: (ms) => {
      ahead += ms
    },
  }
}

interface Suite extends AsyncDisposable {
  readonly db: Database
  readonly clock: TestClock
  readonly tenants: TestTenants
  readonly url: string
  readonly metrics: Metrics
  readonly health: Health
  /** A caller of this tenant with these permissions (default: all of links). */
  as(tenant: Tenant, ...permissions: string[]): TestClient
  /** A caller without credentials. */
  readonly anyone: TestClient
  /** Events so far, and waiting for those to come. */
  events(matches: (event: JournalEvent) => boolean, count: number): Promise<JournalEvent[]>
  /** A kind of job of the room. */
  job(name: string): JobDefinition
  /** Runs jobs until it is disposed. */
  work(): Promise<AsyncDisposable>
  /** A second process on the same database. @param shared default: as the first one has it */
  second(shared?: SharedEntries): Promise<Suite>
}

const sets = [journalMigrations, httpMigrations, queueMigrations, linksModule.migrations]

/** @param entries what processes share in Redis; default: there is none */
export async function startSuite(
  engine: Engine,
  config: Record<string, unknown> = {},
  entries?: SharedEntries,
): Promise<Suite> {
  const resources = new Resources()
  const database = resources.use(await openTestDatabase(engine, { sets, tenants: true, name: 'links' }), 'database')
  const shared = { db: database.db, clock: testClock(), tenants: await createTestTenants(database), config, entries }
  return startProcess(shared, resources)
}

interface Shared {
  readonly db: Database
  readonly clock: TestClock
  readonly tenants: Suite['tenants']
  readonly config: Record<string, unknown>
  readonly entries: SharedEntries | undefined
}

async function startProcess(shared: Shared, resources: Resources): Promise<Suite> {
  try {
    return await openProcess(shared, resources)
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

async function openProcess(shared: Shared, resources: Resources): Promise<Suite> {
  const { db, clock, tenants, config, entries } = shared
  const deps = { log: silentLogger, clock }
  const hints = resources.use(processHints(), 'hints')
  const journal = createJournal({ events: linksModule.events }, { ...deps, db, hints })
  const ctx = systemCtx(deps, 'test')
  await journal.ensurePartitions(ctx)
  const seen: JournalEvent[] = []
  const arrivals = new EventEmitter()
  const more = (signal: AbortSignal) => once(arrivals, 'events', { signal })
  const tail = resources.use(
    journal.tail({ name: 'test' }, async (events) => {
      seen.push(...events)
      arrivals.emit('events')
    }),
    'tail',
  )
  await tail.ready
  const cache = resources.use(createCache({}, { clock, bypass: () => db.inTransaction() }), 'cache')
  const drops = resources.use(dropFromJournal(cache, journal, { pollMs: 20 }), 'drops of the cache')
  await drops.ready
  const queue = resources.use(createQueue({}, { ...deps, db, hints }), 'queue')
  const secret = (purpose: string, bytes = 32) => Buffer.alloc(bytes, purpose)
  const metrics = createMetrics({ process: false })
  const health = createHealth({ cacheMs: 0 }, deps)
  let url = 'http://127.0.0.1:1'
  const { channels = [] } = linksModule
  const realtime = resources.use(
    createRealtime({}, { log: silentLogger, clock: systemClock, journal, channels, authenticate: () => null }),
    'realtime',
  )
  const hosts = new TenantHosts({ db, ctx, publicUrl: () => url })
  const room = resources.use(
    await linksModule.create({
      ...{ db, journal, cache, hosts, queue, realtime },
      ...deps,
      ...{ secret, metrics, health, config, permissions: {}, leastRoles: {}, apiKeys: {} as Columns['apiKeys'] },
      publicUrl: () => url,
      ...(entries && { shared: entries }),
    }),
    'room',
  )
  queue.define(...(room.jobs ?? []))
  await room.ready?.()
  const http = resources.use(
    await createHttp(
      { port: 0, maxEventLoopDelayMs: 0 },
      {
        ...{ ...deps, db, secret, metrics, health },
        routes: [...room.routes, ...hosts.routes],
        errors: [linksModule.errors],
        schemes: [scheme(tenants)],
        limitStore: unlimited,
      },
    ),
    'http',
  )
  url = await http.listen()
  return {
    ...{ db, clock, tenants, url, metrics, health },
    anyone: new TestClient(url, null),
    as: (tenant, ...permissions) =>
      new TestClient(url, `${tenant.slug} ${permissions.join(' ') || 'links:read links:write'}`),
    async events(matches, count) {
      const deadline = AbortSignal.timeout(60_000)
      for (;;) {
        const matching = seen.filter(matches)
        if (matching.length >= count) return matching
        deadline.throwIfAborted()
        await more(deadline)
      }
    },
    job: (name) => queue.definition(name),
    work: () => queue.work({}),
    second: (other = entries) => startProcess({ ...shared, entries: other }, new Resources()),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

let hours = 0
/** Buckets that are always full: an hour goes by before each take. */
const unlimited = createMemoryStore({ clock: () => (hours += 3_600_000) })

/** `Bearer <tenant> <permission> …` */
function scheme(tenants: Suite['tenants']): AuthScheme {
  return {
    name: 'test',
    openapi: { type: 'http', scheme: 'bearer' },
    challenge: 'Bearer',
    authenticate({ headers }) {
      const [slug, ...permissions] = headers.authorization?.slice(7).split(' ') ?? []
      const tenant = Object.values(tenants).find((one) => one.slug === slug)
      if (tenant === undefined) return null
      const actor = { type: 'apiKey', id: 'test' } as const
      return { actor, tenant, permissions: new Set(permissions), limitKey: slug ?? '' }
    },
  }
}

/** Where a story is told: one tenant on one engine in one placement. */
export interface Place {
  readonly suite: Suite
  readonly tenant: Tenant
  /** A caller with all permissions of the room. */
  readonly client: TestClient
}

/** Tells a story on both engines, for a tenant in the pool and for one with a schema of its own. */
export function describeEverywhere(
  story: string,
  tests: (place: () => Place) => void,
  config: Record<string, unknown> = {},
) {
  for (const engine of engines) {
    describe(`${story} on ${engine}`, () => {
      let suite: Suite
      before(async () => {
        suite = await startSuite(engine, config)
      })
      after(() => suite?.[Symbol.asyncDispose]())
      for (const name of told) {
        describe(`for a ${name} tenant`, () => {
          tests(() => {
            const tenant = suite.tenants[name]
            return { suite, tenant, client: suite.as(tenant) }
          })
        })
      }
    })
  }
}

export const browser = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
}
