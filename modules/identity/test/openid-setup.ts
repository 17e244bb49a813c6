import { after, before, describe } from 'node:test'
import type { Cache } from '@stoa/cache'
import type { Database } from '@stoa/db'
import { type AuthScheme, createHttp, httpMigrations } from '@stoa/http'
import { createJournal, type Journal, journalMigrations, processHints } from '@stoa/journal'
import {
  type Clock,
  type Ctx,
  Resources,
  silentLogger,
  systemClock,
  systemCtx,
  type Tenant,
  tenantCtx,
} from '@stoa/kernel'
import { createMemoryStore } from '@stoa/limiter'
import { createQueue, queueMigrations } from '@stoa/queue'
import { createHealth, createMetrics } from '@stoa/telemetry'
import { createTestTenants, type Engine, engines, openTestDatabase, TestClient, type TestTenants } from '@stoa/testkit'
import { identityModule } from '../src/module.ts'

/** The machine's clock, which a test can put forward. */
interface MovingClock extends Clock {
  advance(ms: number): void
}

/** The room and what it stands on. */
export interface Suite extends AsyncDisposable {
  readonly db: Database
  readonly journal: Journal
  readonly clock: MovingClock
  readonly tenants: TestTenants
  readonly url: string
  issuer(tenant: Tenant): string
  /** A program with an API key of this tenant with these permissions (default: all). */
  as(tenant: Tenant, ...permissions: string[]): TestClient
  /** Whoever shows this token. */
  bearer(token: string): TestClient
  /** The context of the system in a tenant. */
  ctx(tenant: Tenant): Ctx
  /** Another process on the same database. */
  second(): Promise<Suite>
}

const sets = [journalMigrations, httpMigrations, queueMigrations, identityModule.migrations]

/** Starts the room on an engine. */
async function startSuite(engine: Engine, config: Record<string, unknown> = {}): Promise<Suite> {
  const resources = new Resources()
  try {
    const database = resources.use(await openTestDatabase(engine, { sets, name: 'openid' }), 'database')
    return await open(database.db, await createTestTenants(database), config, resources)
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

function movingClock(): MovingClock {
  let ahead = 0
  return {
    now: () => systemClock.now() + ahead,
    sleep: systemClock.sleep,
    advance: (ms) => {
      ahead += ms
    },
  }
}

async function open(
  db: Database,
  tenants: TestTenants,
  config: Record<string, unknown>,
  resources: Resources,
): Promise<Suite> {
  const clock = movingClock()
  const deps = { log: silentLogger, clock }
  const hints = resources.use(processHints(), 'hints')
  const journal = createJournal({ events: identityModule.events }, { ...deps, db, hints })
  await journal.ensurePartitions(systemCtx(deps, 'test'))
  const queue = resources.use(createQueue({ jobs: [] }, { ...deps, db, hints }), 'queue')
  const secret = (purpose: string, bytes = 32) => Buffer.alloc(bytes, purpose)
  const metrics = resources.use(createMetrics({ process: false }), 'metrics')
  let url = 'http://127.0.0.1:1'
  const room = resources.use(
    await identityModule.create({
      ...{ ...deps, db, journal, queue, secret, metrics, config, health: createHealth({ cacheMs: 0 }, deps) },
      ...{
        cache: {} as Cache,
        realtime: { actorChanged: () => undefined, tenantChanged: () => undefined } as never,
        apiKeys: {} as never,
      },
      ...{ permissions, leastRoles: identityModule.leastRoles ?? {}, publicUrl: () => url },
    }),
    'room',
  )
  queue.define(...(room.jobs ?? []))
  await queue.work({ slots: 4, pollMs: 50, drainMs: 0 })
  const http = resources.use(
    await createHttp(
      { port: 0, maxEventLoopDelayMs: 0, trustedProxies: ['127.0.0.1'] },
      {
        ...{ ...deps, db, secret, metrics, routes: room.routes, mounts: room.mounts ?? [] },
        errors: [identityModule.errors],
        schemes: [keyScheme(tenants), ...(room.schemes ?? [])],
        limitStore: unlimited,
      },
    ),
    'http',
  )
  url = await http.listen()
  await room.ready?.()
  return {
    ...{ db, journal, clock, tenants, url },
    issuer: (tenant) => `${url}/t/${tenant.slug}`,
    as: (tenant, ...granted) => new TestClient(url, `key ${tenant.slug} ${granted.join(' ') || '*'}`),
    bearer: (token) => new TestClient(url, token),
    ctx: (tenant) => tenantCtx(systemCtx(deps, 'test'), tenant),
    second: () => open(db, tenants, config, new Resources()),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

const permissions = {
  ...identityModule.permissions,
  'notes:read': 'Read notes.',
  'notes:write': 'Write notes.',
}

let hours = 0
/** Buckets that are always full: an hour goes by before each take. */
const unlimited = createMemoryStore({ clock: () => (hours += 3_600_000) })

/** `Bearer key <tenant> <permission> …` */
function keyScheme(tenants: TestTenants): AuthScheme {
  return {
    name: 'test',
    openapi: { type: 'http', scheme: 'bearer' },
    challenge: 'Bearer',
    authenticate({ headers }) {
      const [scheme, kind, slug, ...granted] = headers.authorization?.split(' ') ?? []
      if (scheme !== 'Bearer' || kind !== 'key') return null
      const tenant = Object.values(tenants).find((one) => one.slug === slug)
      if (tenant === undefined) return null
      return { actor: { type: 'apiKey', id: 'test' }, tenant, permissions: new Set(granted), limitKey: slug ?? '' }
    },
  }
}

/** Tells a story on both engines. */
export function describeOnEngines(
  story: string,
  tests: (suite: () => Suite) => void,
  config: Record<string, unknown> = {},
): void {
  for (const engine of engines) {
    describe(`${story} on ${engine}`, () => {
      let suite: Suite
      before(async () => {
        suite = await startSuite(engine, config)
      })
      after(() => suite?.[Symbol.asyncDispose]())
      tests(() => suite)
    })
  }
}
