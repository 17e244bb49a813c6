import { after, before, describe } from 'node:test'
import type { Cache } from '@stoa/cache'
import type { Database } from '@stoa/db'
import { type AuthScheme, authenticate, createHttp, httpMigrations, type Route } from '@stoa/http'
import { createJournal, type Journal, journalMigrations, processHints } from '@stoa/journal'
import { Resources, silentLogger, systemClock, systemCtx, type Tenant } from '@stoa/kernel'
import { createMemoryStore } from '@stoa/limiter'
import type { Columns } from '@stoa/module'
import {
  cancelJob,
  createQueue,
  defineJob,
  type JobDefinition,
  type Queue,
  queueErrors,
  queueMigrations,
  type Worker,
} from '@stoa/queue'
import { createRealtime, type RealtimeOptions, realtimeErrors } from '@stoa/realtime'
import { createHealth, createMetrics } from '@stoa/telemetry'
import {
  createTestTenants,
  type Engine,
  engines,
  eventually,
  openTestDatabase,
  TestClient,
  type TestTenants,
} from '@stoa/testkit'
import { Type } from 'typebox'
import type { Task } from '../src/contract.ts'
import { announceTasks, jobsModule } from '../src/module.ts'

/** A caller of the API. */
class Client extends TestClient {
  /** The task when it is in this state. */
  async task(id: string, state: Task['state']): Promise<Task> {
    const { body } = await eventually(
      () => this.send<Task>('GET', `/api/v1/tasks/${id}`),
      (answer) => answer.body.state === state,
    )
    return body
  }
}

/** Kinds of tasks that do what a test tells them. */
export const kinds = {
  /** Gives back what it is told, after it has said how far it is. */
  echo: defineJob({
    name: 'test.echo',
    description: 'Gives back what it is told.',
    input: Type.Object({ text: Type.String({ maxLength: 200_000 }) }, { additionalProperties: false }),
    api: { permission: 'tests:run' },
    run: (_ctx, { text }, job) => {
      job.progress(0.5, 'half of it')
      return { text }
    },
  }),
  /** Fails: at once for good, or to be tried again in an hour; by an error of the program, or in words. */
  fail: defineJob({
    name: 'test.fail',
    input: Type.Object({ how: Type.Union([Type.Literal('error'), Type.Literal('cancel')]) }),
    retries: 0,
    api: { permission: 'tests:run' },
    run: (_ctx, { how }) => {
      throw how === 'cancel' ? cancelJob('nobody wants it') : new Error('connect ECONNREFUSED 10.0.0.7:25')
    },
  }),
  /** Runs until it is cancelled. */
  wait: defineJob({
    name: 'test.wait',
    input: Type.Object({}),
    api: { permission: 'tests:run' },
    run: (_ctx, _input, job) =>
      new Promise((_resolve, reject) => {
        job.signal.addEventListener('abort', () => reject(job.signal.reason))
      }),
  }),
  /** There is one of each name at a time. */
  single: defineJob({
    name: 'test.single',
    input: Type.Object({ name: Type.String() }),
    unique: { key: ({ name }) => name },
    api: { permission: 'tests:run' },
    run: () => undefined,
  }),
  /** Not for callers. */
  hidden: defineJob({ name: 'test.hidden', input: Type.Object({}), run: () => undefined }),
} satisfies Record<string, JobDefinition>

/** The room and what it stands on. */
export interface Suite extends AsyncDisposable {
  readonly db: Database
  readonly journal: Journal
  readonly queue: Queue
  readonly tenants: TestTenants
  readonly url: string
  /** A caller of this tenant with these permissions (default: all). */
  as(tenant: Tenant, ...permissions: string[]): Client
  readonly anyone: Client
  /** Starts to run jobs. */
  work(): Promise<Worker>
  /** How many workers outside wait for a task. */
  waitingClaims(): Promise<number>
  /** Another process on the same database. It does not run jobs. */
  second(): Promise<Suite>
}

const sets = [journalMigrations, httpMigrations, queueMigrations, jobsModule.migrations]

/** Settings of the room and of realtime. Default: none. */
interface Settings {
  readonly room?: Record<string, unknown>
  readonly realtime?: RealtimeOptions
}

export async function startSuite(engine: Engine, settings: Settings = {}): Promise<Suite> {
  const resources = new Resources()
  const database = resources.use(await openTestDatabase(engine, { sets, tenants: true, name: 'jobs' }), 'database')
  return startProcess(database.db, await createTestTenants(database), settings, resources)
}

async function startProcess(
  ...[db, tenants, settings, resources]: Parameters<typeof openProcess>
): ReturnType<typeof openProcess> {
  try {
    return await openProcess(db, tenants, settings, resources)
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

async function openProcess(
  db: Database,
  tenants: TestTenants,
  settings: Settings,
  resources: Resources,
): Promise<Suite> {
  const deps = { log: silentLogger, clock: systemClock }
  const { room: config = {} } = settings
  const hints = resources.use(processHints(), 'hints')
  const journal = createJournal({ events: jobsModule.events }, { ...deps, db, hints })
  await journal.ensurePartitions(systemCtx(deps, 'test'))
  const queue = resources.use(
    createQueue({ jobs: Object.values(kinds) }, { ...deps, db, hints, announce: announceTasks(journal) }),
    'queue',
  )
  const known = scheme(tenants)
  const secret = (purpose: string, bytes = 32) => Buffer.alloc(bytes, purpose)
  const metrics = resources.use(createMetrics({ process: false }), 'metrics')
  const health = createHealth({ cacheMs: 0 }, deps)
  const { channels = [] } = jobsModule
  const realtime = resources.use(
    createRealtime(settings.realtime, {
      ...deps,
      journal,
      channels,
      authenticate: (credentials) => authenticate([known], credentials),
    }),
    'realtime',
  )
  await realtime.open()
  const none = { permissions: {}, leastRoles: {}, apiKeys: {} as Columns['apiKeys'], hosts: {} as Columns['hosts'] }
  const columns = {
    db,
    journal,
    queue,
    realtime,
    ...deps,
    ...none,
    secret,
    metrics,
    health,
    publicUrl: () => url,
    config,
  }
  let url = 'http://127.0.0.1:1'
  const room = resources.use(await jobsModule.create({ ...columns, cache: {} as Cache }), 'room')
  queue.define(...(room.jobs ?? []))
  await room.ready?.()
  const routes: readonly Route[] = room.routes
  const http = resources.use(
    await createHttp(
      { port: 0, maxEventLoopDelayMs: 0 },
      {
        ...{ ...deps, db, secret, routes, metrics, health },
        errors: [jobsModule.errors, queueErrors, realtimeErrors],
        schemes: [known],
        onDrain: () => {
          realtime.drain()
          room.drain?.()
        },
        limitStore: unlimited,
      },
    ),
    'http',
  )
  url = await http.listen()
  return {
    ...{ db, journal, queue, tenants, url },
    anyone: new Client(url, null),
    as: (tenant, ...permissions) => new Client(url, `${tenant.slug} ${permissions.join(' ') || '*'}`),
    work: () => queue.work({ slots: 8, pollMs: 50, drainMs: 0 }),
    async waitingClaims() {
      const [, count] = /^stoa_jobs_waiting_claims (\d+)$/m.exec(await metrics.text()) ?? []
      return Number(count)
    },
    second: () => startProcess(db, tenants, settings, new Resources()),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

let hours = 0
/** Buckets that are always full: an hour goes by before each take. */
const unlimited = createMemoryStore({ clock: () => (hours += 3_600_000) })

/** `Bearer <tenant> <permission> …` */
function scheme(tenants: TestTenants): AuthScheme {
  return {
    name: 'test',
    openapi: { type: 'http', scheme: 'bearer' },
    challenge: 'Bearer',
    authenticate({ headers }) {
      const [slug, ...permissions] = headers.authorization?.slice(7).split(' ') ?? []
      const tenant = Object.values(tenants).find((one) => one.slug === slug)
      if (tenant === undefined) return null
      const actor = { type: 'apiKey', id: permissions.includes('*') ? 'test' : permissions.join(' ') } as const
      return { actor, tenant, permissions: new Set(permissions), limitKey: slug ?? '' }
    },
  }
}

/** Tells a story on both engines, to one process that runs jobs (`works`) or to one that only takes them. */
export function describeOnEngines(story: string, works: boolean, tests: (suite: () => Suite) => void): void {
  for (const engine of engines) {
    describe(`${story} on ${engine}`, () => {
      let suite: Suite
      before(async () => {
        suite = await startSuite(engine)
        if (works) await suite.work()
      })
      after(() => suite?.[Symbol.asyncDispose]())
      tests(() => suite)
    })
  }
}
