import { EventEmitter, once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import type { Cache } from '@stoa/cache'
import type { Database } from '@stoa/db'
import { type AuthScheme, createApiKeys, createHttp, httpEvents, httpMigrations, TenantHosts } from '@stoa/http'
import { createJournal, type Journal, type JournalEvent, journalMigrations, processHints } from '@stoa/journal'
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
import { createQueue, defineJob, queueMigrations } from '@stoa/queue'
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
import { identityModule, openPeople, type People } from '../src/module.ts'
import { Browser } from './browser.ts'

/** A caller of the API. */
class Client extends TestClient {
  put(path: string, body: unknown, ifMatch = '*') {
    return this.send('PUT', path, { body, headers: { 'if-match': ifMatch } })
  }
}

/** A clock that a test puts forward. */
interface TestClock extends Clock {
  advance(ms: number): void
}

/** Goes on only when a test says so: how many tries fit into a minute is not the machine's business. */
function stillClock(): TestClock {
  const now = systemClock.now()
  return clockAt(() => now)
}

/** Goes on by itself as well: the provider's library reads the machine's clock, and both have to agree. */
export function runningClock(): TestClock {
  return clockAt(systemClock.now)
}

function clockAt(now: () => number): TestClock {
  let ahead = 0
  return {
    now: () => now() + ahead,
    sleep: systemClock.sleep,
    advance: (ms) => {
      ahead += ms
    },
  }
}

/** A mail that was asked for. */
interface AskedMail {
  readonly tenant: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly confidential: boolean
}

/** The room and what it stands on. */
export interface Suite extends AsyncDisposable {
  readonly db: Database
  readonly journal: Journal
  readonly clock: TestClock
  readonly tenants: TestTenants
  readonly url: string
  /** Hosts of tenants' own: what is asked for there goes to the program, too. */
  readonly ownHosts: Set<string>
  /** How an address is asked for, as by a proxy in front; null: it is somewhere else. */
  reach(address: URL): { readonly url: URL; readonly headers: Readonly<Record<string, string>> } | null
  /** A new browser, at an address that nobody came from before unless one is given. */
  browser(options?: { readonly ip?: string; readonly language?: string; readonly agent?: string }): Browser
  issuer(tenant: Tenant): string
  /** A program of this tenant with these permissions (default: all). */
  as(tenant: Tenant, ...permissions: string[]): Client
  /** A person of this tenant who calls the API. @param sessionId of the sign-in that it goes back to. Default: none, as by a key */
  asPerson(tenant: Tenant, personId: string, sessionId?: string): Client
  /** Whoever shows this token. */
  bearer(token: string): Client
  /** The context of the system in a tenant. */
  ctx(tenant: Tenant): Ctx
  /** As a command has it. */
  readonly people: People
  /** Every mail so far. */
  readonly mails: readonly AskedMail[]
  /** The newest mail to somebody, once there are as many as that. */
  mailTo(email: string, count?: number): Promise<AskedMail>
  /** A mail to somebody whose subject is this, once there is one. */
  mailAbout(email: string, subject: RegExp): Promise<AskedMail>
  /** Events so far, and waiting for those to come. */
  events(matches: (event: JournalEvent) => boolean, count: number): Promise<JournalEvent[]>
}

const sets = [journalMigrations, httpMigrations, queueMigrations, identityModule.migrations]

const permissions = {
  ...identityModule.permissions,
  'notes:read': 'Read notes.',
  'notes:write': 'Write notes.',
}

/** What is not as usual. */
interface SuiteOptions {
  /** Default: one that stands still. */
  readonly clock?: () => TestClock
  readonly config?: Record<string, unknown>
  /** Where the world is told to come. Default: where it listens. */
  readonly publicUrl?: string
  /** With the limits of the assembly. Default: without. */
  readonly limited?: boolean
}

/** Starts the room on an engine. */
export async function startSuite(engine: Engine, options: SuiteOptions = {}): Promise<Suite> {
  const resources = new Resources()
  try {
    const database = resources.use(
      await openTestDatabase(engine, { sets, tenants: true, name: 'identity' }),
      'database',
    )
    return await open(database.db, await createTestTenants(database), options, resources)
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

let addresses = 0

async function open(db: Database, tenants: TestTenants, options: SuiteOptions, resources: Resources): Promise<Suite> {
  const { clock: newClock = stillClock, config = {}, limited = false } = options
  const clock = newClock()
  const deps = { log: silentLogger, clock }
  const hints = resources.use(processHints(), 'hints')
  const journal = createJournal({ events: [...httpEvents, ...identityModule.events] }, { ...deps, db, hints })
  await journal.ensurePartitions(systemCtx(deps, 'test'))
  const { events, tail } = eventsOf(journal)
  resources.use(tail, 'tail')
  await tail.ready
  const mails: AskedMail[] = []
  const queue = resources.use(createQueue({ jobs: [mailRoom(mails)] }, { ...deps, db, hints }), 'queue')
  const secret = (purpose: string, bytes = 32) => Buffer.alloc(bytes, purpose)
  const keys = createApiKeys({ ...deps, db, journal, secret, permissions: Object.keys(permissions) })
  const apiKeys = resources.use(keys, 'API keys')
  const metrics = resources.use(createMetrics({ process: false }), 'metrics')
  let url = 'http://127.0.0.1:1'
  const publicUrl = () => options.publicUrl ?? url
  const hosts = new TenantHosts({ db, ctx: systemCtx(deps, 'hosts'), publicUrl })
  const room = resources.use(
    await identityModule.create({
      ...{ ...deps, db, journal, queue, hosts, secret, metrics, config, health: createHealth({ cacheMs: 0 }, deps) },
      ...{
        cache: {} as Cache,
        realtime: { actorChanged: () => undefined, tenantChanged: () => undefined } as never,
        apiKeys,
      },
      ...{ permissions, leastRoles: identityModule.leastRoles ?? {}, publicUrl },
    }),
    'room',
  )
  queue.define(...(room.jobs ?? []))
  await queue.work({ slots: 5, pollMs: 50, drainMs: 0 })
  const http = resources.use(
    await createHttp(
      { port: 0, maxEventLoopDelayMs: 0, trustedProxies: ['127.0.0.1'] },
      {
        ...{ ...deps, db, secret, metrics, routes: [...room.routes, ...hosts.routes], mounts: room.mounts ?? [] },
        errors: [identityModule.errors],
        schemes: [scheme(tenants), ...(room.schemes ?? [])],
        ...(!limited && { limitStore: unlimited }),
      },
    ),
    'http',
  )
  url = await http.listen()
  await room.ready?.()
  const ownHosts = new Set<string>()
  return {
    ...{ db, journal, clock, tenants, url, mails, events, ownHosts },
    people: openPeople({ db, journal, publicUrl, queue }),
    reach(address) {
      if (address.origin === url) return { url: address, headers: {} }
      if (address.origin !== publicUrl() && !ownHosts.has(address.host)) return null
      const headers = { 'x-forwarded-host': address.host, 'x-forwarded-proto': address.protocol.slice(0, -1) }
      return { url: new URL(address.pathname + address.search, url), headers }
    },
    browser({ agent, ip = newAddress(), language } = {}) {
      return new Browser(url, { ip, ...(agent && { agent }), ...(language && { language }) })
    },
    issuer: (tenant) => `${publicUrl()}/t/${tenant.slug}`,
    as: (tenant, ...granted) => new Client(url, `${tenant.slug} apiKey key ${granted.join(' ') || '*'}`),
    bearer: (token) => new Client(url, token),
    asPerson: (tenant, id, session) =>
      new Client(url, `${tenant.slug} person ${id} identity:self${session === undefined ? '' : ` ${BY}${session}`}`),
    ctx: (tenant) => tenantCtx(systemCtx(deps, 'test'), tenant),
    async mailTo(email, count = 1) {
      const found = () => mails.filter(({ to }) => to.includes(email))
      await eventually(() => found().length >= count)
      return found().at(-1) as AskedMail
    },
    mailAbout: (email, subject) =>
      eventually(() =>
        mails.find((mail) => mail.to.includes(email) && subject.test(mail.subject)),
      ) as Promise<AskedMail>,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

let hours = 0
/** Buckets of routes that are always full: an hour goes by before each take. */
const unlimited = createMemoryStore({ clock: () => (hours += 3_600_000) })

/** An address that nobody came from before, in a network of its own. */
function newAddress(): string {
  addresses += 1
  return `10.${(addresses >> 8) & 255}.${addresses & 255}.7`
}

function eventsOf(journal: ReturnType<typeof createJournal>) {
  const seen: JournalEvent[] = []
  const arrivals = new EventEmitter()
  const tail = journal.tail({ name: 'test' }, async (events) => {
    seen.push(...events)
    arrivals.emit('events')
  })
  const events: Suite['events'] = async (matches, count) => {
    const deadline = AbortSignal.timeout(60_000)
    for (;;) {
      const matching = seen.filter(matches)
      if (matching.length >= count) return matching
      deadline.throwIfAborted()
      await once(arrivals, 'events', { signal: deadline })
    }
  }
  return { events, tail }
}

/** Stands where the room of mail stands: it takes the same input, and keeps it to be looked at. */
function mailRoom(mails: AskedMail[]) {
  return defineJob({
    name: 'mail.send',
    input: Type.Object({}),
    api: {
      permission: 'mail:send',
      acceptance: {
        input: Type.Object({
          to: Type.Array(Type.String()),
          subject: Type.String(),
          text: Type.String(),
          html: Type.String(),
        }),
        maxInputBytes: 100_000,
        async accept(ctx, tx, input) {
          tx.afterCommit(() => mails.push({ ...(input as Omit<AskedMail, 'tenant'>), tenant: ctx.tenant.slug }))
          return {}
        },
      },
    },
    run: () => undefined,
  })
}

const BY = 'session='

/** `Bearer <tenant> <type> <id> <permission> … session=<id>` */
function scheme(tenants: TestTenants): AuthScheme {
  return {
    name: 'test',
    openapi: { type: 'http', scheme: 'bearer' },
    challenge: 'Bearer',
    authenticate({ headers }) {
      const [slug, type, id = '', ...permissions] = headers.authorization?.slice(7).split(' ') ?? []
      const tenant = Object.values(tenants).find((one) => one.slug === slug)
      if (tenant === undefined) return null
      const actor = { type: type as 'person', id }
      const sessionId = permissions.find((one) => one.startsWith(BY))?.slice(BY.length)
      const proof = sessionId === undefined ? {} : { proof: { sessionId, atMs: 0 } }
      return { actor, tenant, permissions: new Set(permissions), limitKey: id, ...proof }
    },
  }
}

/** Declares a test where there are more connections than one. On PGlite nothing is under way beside something else. */
type OnServer = (rule: string, test: () => Promise<void>) => void

/** Tells a story. @param on default: both engines */
export function describeOnEngines(
  story: string,
  tests: (suite: () => Suite, itOnServer: OnServer) => void,
  options: SuiteOptions = {},
  on: readonly Engine[] = engines,
): void {
  for (const engine of on) {
    describe(`${story} on ${engine}`, () => {
      let suite: Suite
      before(async () => {
        suite = await startSuite(engine, options)
      })
      after(() => suite?.[Symbol.asyncDispose]())
      tests(() => suite, engine === 'pglite' ? () => undefined : it)
    })
  }
}
