import { randomBytes } from 'node:crypto'
import { after, before, describe } from 'node:test'
import { createTenant, type Database, groundMigrations, migrate, openPglite, openPostgres } from '@stoa/db'
import { type AuthScheme, createHttp, httpMigrations } from '@stoa/http'
import { createJournal, type JournalEvent, journalMigrations, processHints } from '@stoa/journal'
import { type Clock, Resources, silentLogger, systemClock, systemCtx, type Tenant } from '@stoa/kernel'
import type { Room } from '@stoa/module'
import { linksModule } from '../src/module.ts'

export const engines = ['pglite', 'postgres'] as const
export type Engine = (typeof engines)[number]
export const placements = ['pool', 'schema'] as const
export type PlacementName = (typeof placements)[number]

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects.
  body: any
}
export class Client {
  readonly #base: () => string
  readonly #headers: Record<string, string>
  constructor(base: () => string, headers: Record<string, string>) {
    this.#base = base
    this.#headers = headers
  }
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.#base() + path, {
      method,
      redirect: 'manual',
      headers: { ...this.#headers, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = /json/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text }
  }
  get(path: string, headers?: Record<string, string>) {
    return this.send('GET', path, undefined, headers)
  }
  post(path: string, body?: unknown, headers?: Record<string, string>) {
    return this.send('POST', path, body, headers)
  }
  patch(path: string, body?: unknown, headers?: Record<string, string>) {
    return this.send('PATCH', path, body, headers)
  }
  delete(path: string, headers?: Record<string, string>) {
    return this.send('DELETE', path, undefined, headers)
  }
}

/** The machine's clock, which a test can put forward. */
export interface TestClock extends Clock {
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

export interface Suite extends AsyncDisposable {
  readonly db: Database
  readonly clock: TestClock
  readonly tenants: Record<PlacementName | 'other', Tenant>
  readonly room: Room
  readonly url: string
  /** A caller of this tenant with these permissions (default: all of links). */
  as(tenant: Tenant, ...permissions: string[]): Client
  /** A caller without credentials. */
  readonly anyone: Client
  /** Events so far, and waiting for those to come. */
  events(matches: (event: JournalEvent) => boolean, count: number): Promise<JournalEvent[]>
  /** A second process on the same database. */
  second(): Promise<Suite>
}

const sets = [groundMigrations, journalMigrations, httpMigrations, linksModule.migrations]

export async function startSuite(engine: Engine, config: Record<string, unknown> = {}): Promise<Suite> {
  const resources = new Resources()
  const clock = testClock()
  const deps = { log: silentLogger, clock }
  const db = await openDatabase(engine, resources)
  await migrate(db, sets, deps)
  const ctx = systemCtx(deps, 'test')
  const tenant = (slug: string, placement: PlacementName) =>
    createTenant(db, ctx, sets, { slug, name: slug, placement })
  const tenants = {
    pool: await tenant('acme', 'pool'),
    schema: await tenant('beta', 'schema'),
    other: await tenant('other', 'pool'),
  }
  return startProcess({ db, clock, tenants, config }, resources)
}

interface Shared {
  readonly db: Database
  readonly clock: TestClock
  readonly tenants: Suite['tenants']
  readonly config: Record<string, unknown>
}

async function startProcess(shared: Shared, resources: Resources): Promise<Suite> {
  const { db, clock, tenants, config } = shared
  const deps = { log: silentLogger, clock }
  const hints = resources.use(processHints(), 'hints')
  const journal = createJournal({ events: linksModule.events }, { ...deps, db, hints })
  await journal.ensurePartitions(systemCtx(deps, 'test'))
  const seen: JournalEvent[] = []
  const waiting = new Set<() => void>()
  const tail = resources.use(
    journal.tail({ name: 'test' }, async (events) => {
      seen.push(...events)
      for (const look of waiting) look()
    }),
    'tail',
  )
  await tail.ready
  const secret = (purpose: string, bytes = 32) => Buffer.alloc(bytes, purpose)
  let url = 'http://127.0.0.1:1'
  const room = resources.use(
    await linksModule.create({ db, journal, ...deps, secret, publicUrl: () => url, config: config as never }),
    'room',
  )
  await room.ready?.()
  const http = resources.use(
    await createHttp(
      { port: 0 },
      { ...deps, routes: room.routes, schemes: [scheme(tenants)], secret, buckets: { take: () => plenty }, db },
    ),
    'http',
  )
  url = await http.listen()
  return {
    ...{ db, clock, tenants, room, url },
    anyone: new Client(() => url, {}),
    as: (tenant, ...permissions) =>
      new Client(() => url, {
        authorization: `Bearer ${tenant.slug} ${permissions.join(' ') || 'links:read links:write'}`,
      }),
    events(matches, count) {
      const found = Promise.withResolvers<JournalEvent[]>()
      const look = () => {
        const matching = seen.filter(matches)
        if (matching.length < count) return
        waiting.delete(look)
        found.resolve(matching)
      }
      waiting.add(look)
      look()
      return found.promise
    },
    second: () => startProcess(shared, new Resources()),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

const plenty = { allowed: true, remaining: 1000, limit: 1000, resetAfterMs: 0, retryAfterMs: 0 }

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

async function openDatabase(engine: Engine, resources: Resources): Promise<Database> {
  const deps = { log: silentLogger, clock: systemClock }
  if (engine === 'pglite') return resources.use(await openPglite({}, deps), 'database')
  const server = process.env.STOA_TEST_DATABASE_URL ?? ''
  const maintenance = resources.use(await openPostgres({ url: server, poolSize: 1 }, deps), 'maintenance')
  const name = `stoa_links_${randomBytes(6).toString('hex')}`
  await maintenance.admin((session) => session.exec(`create database ${name}`))
  resources.add('database', () => maintenance.admin((session) => session.exec(`drop database ${name} with (force)`)))
  const url = new URL(server)
  url.pathname = `/${name}`
  return resources.use(await openPostgres({ url: url.href }, deps), 'connections')
}

/** Where a story is told: one tenant on one engine in one placement. */
export interface Place {
  readonly suite: Suite
  readonly tenant: Tenant
  /** A caller with all permissions of the room. */
  readonly client: Client
}

/** Tells a story on both engines, for a tenant in the pool and for one with a schema of its own. */
export function everywhere(story: string, tests: (place: () => Place) => void, config: Record<string, unknown> = {}) {
  for (const engine of engines) {
    describe(`${story} on ${engine}`, () => {
      let suite: Suite
      before(async () => {
        suite = await startSuite(engine, config)
      })
      after(() => suite?.[Symbol.asyncDispose]())
      for (const placement of placements) {
        describe(`for a tenant in the ${placement}`, () => {
          tests(() => {
            const tenant = suite.tenants[placement]
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
