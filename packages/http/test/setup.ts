import { createHmac, randomBytes } from 'node:crypto'
import { createTenant, type Database, migrate, openPglite, openPostgres, type TenantRecord } from '@stoa/db'
import { createJournal, defineEvent, type Journal, journalMigrations, processHints } from '@stoa/journal'
import {
  type Clock,
  type Ctx,
  errors,
  type Logger,
  StoaError,
  silentLogger,
  systemClock,
  systemCtx,
  tenantCtx,
} from '@stoa/kernel'
import type { InjectOptions } from 'fastify'
import { Type } from 'typebox'
import {
  type ApiKeys,
  createApiKeys,
  createHttp,
  type Http,
  type HttpDeps,
  type HttpOptions,
  httpEvents,
  httpMigrations,
  httpPermissions,
  type Route,
} from '../src/index.ts'

export const engines = ['pglite', 'postgres'] as const
export type Engine = (typeof engines)[number]

const sets = [journalMigrations, httpMigrations]
const deps = { log: silentLogger, clock: systemClock }

/** The same on every node of a test. */
export function testSecret(purpose: string, bytes = 32): Buffer {
  return createHmac('sha512', 'a test').update(purpose).digest().subarray(0, bytes)
}

export const noted = defineEvent({
  type: 'note.written',
  version: 1,
  description: 'A note was written.',
  data: Type.Object({ text: Type.String() }),
})

export interface TestDatabase extends AsyncDisposable {
  readonly db: Database
  readonly acme: TenantRecord
  readonly beta: TenantRecord
}

const NOTES = `
create table stoa.notes (tenant_id uuid not null, id uuid not null, text text not null, version int not null, primary key (tenant_id, id));
alter table stoa.notes enable row level security;
alter table stoa.notes force row level security;
create policy tenant_rows on stoa.notes to stoa_app using (tenant_id = (select current_setting('stoa.tenant')::uuid));
grant select, insert, update, delete on stoa.notes to stoa_app;`

/** A database with the tables of http, two tenants and a table of notes. */
export async function openDatabase(engine: Engine): Promise<TestDatabase> {
  const opened = engine === 'pglite' ? await openInProcess() : await openOnServer()
  const ctx = systemCtx(deps, 'test')
  await migrate(opened.db, sets, deps)
  await opened.db.admin((session) => session.exec(NOTES))
  const tenant = (slug: string) => createTenant(opened.db, ctx, sets, { slug, name: slug, placement: 'pool' })
  return { ...opened, acme: await tenant('acme'), beta: await tenant('beta') }
}

async function openInProcess() {
  const db: Database = await openPglite({ dataDir: null }, deps)
  return { db, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
}

async function openOnServer() {
  const url = process.env.STOA_TEST_DATABASE_URL
  if (!url) throw new Error('STOA_TEST_DATABASE_URL is not set: run the tests by `npm test`')
  const name = `http_${randomBytes(6).toString('hex')}`
  const maintenance = await openPostgres({ url, poolSize: 1 }, deps)
  await maintenance.admin((session) => session.exec(`create database ${name}`))
  const own = new URL(url)
  own.pathname = `/${name}`
  const db = await openPostgres({ url: own.href, poolSize: 8 }, deps)
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]()
      await maintenance.admin((session) => session.exec(`drop database ${name} with (force)`))
      await maintenance[Symbol.asyncDispose]()
    },
  }
}

/** A context of the tenant with every permission. */
export function ownerCtx(tenant: TenantRecord, clock: Clock = systemClock): Ctx {
  return tenantCtx(systemCtx({ log: silentLogger, clock }, 'owner'), tenant)
}

/** An application without a database. */
export function openApp(
  routes: readonly Route[],
  options: HttpOptions = {},
  more: Partial<HttpDeps> = {},
): Promise<Http> {
  return createHttp({ port: 0, ...options }, { ...deps, routes, schemes: [], secret: testSecret, ...more })
}

export interface Node extends AsyncDisposable {
  readonly http: Http
  readonly keys: ApiKeys
  readonly journal: Journal
  /** A new key of the tenant. */
  key(tenant: TenantRecord, scopes?: readonly string[]): Promise<string>
  /** Sends a request with a key. */
  send(key: string | null, request: InjectOptions): Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: what comes back is what the test is about
  readonly body: any
}

/** What one node of a test is made with. */
export interface NodeOptions {
  readonly routes?: (node: { readonly db: Database; readonly journal: Journal }) => readonly Route[]
  readonly clock?: Clock
  readonly log?: Logger
  readonly options?: HttpOptions
  readonly permissions?: readonly string[]
}

/** A node with API keys over a database. */
export async function openNode({ db }: TestDatabase, made: NodeOptions = {}): Promise<Node> {
  const { clock = systemClock, log = silentLogger, options = {} } = made
  const hints = processHints()
  const journal = createJournal({ events: [...httpEvents, noted] }, { db, hints, log, clock })
  const permissions = [...Object.keys(httpPermissions), 'notes:read', 'notes:write', ...(made.permissions ?? [])]
  const keys = createApiKeys({ db, journal, clock, log, secret: testSecret, permissions })
  const routes = [...keys.routes, ...(made.routes?.({ db, journal }) ?? [])]
  const http = await createHttp(
    { port: 0, rateLimit: { capacity: 10_000, refillPerSecond: 10_000 }, ...options },
    { db, clock, log, routes, schemes: [keys.scheme], secret: testSecret },
  )
  return {
    http,
    keys,
    journal,
    async key(tenant, scopes = ['*']) {
      const ctx = ownerCtx(tenant, clock)
      return (await keys.create(ctx, { name: 'test', scopes, expiresAt: null })).token
    },
    send: (key, request) => send(http, key, request),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await keys[Symbol.asyncDispose]()
    },
  }
}

/** Sends a request through the application without a socket. */
export async function send(http: Http, key: string | null, request: InjectOptions): Promise<Answer> {
  const headers = { ...(key !== null && { authorization: `Bearer ${key}` }), ...request.headers }
  const response = await http.app.inject({ ...request, headers })
  const json = /json/.test(String(response.headers['content-type'] ?? ''))
  return {
    status: response.statusCode,
    headers: response.headers as Record<string, string>,
    text: response.body,
    body: json ? response.json() : undefined,
  }
}

/** A clock that a test moves. Sleepers wake when their time has come. */
export class TestClock implements Clock {
  #nowMs: number
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = []

  constructor(nowMs = Date.now()) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal | null): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const sleeper = { atMs: this.#nowMs + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal.reason)
      })
      return undefined
    })
  }

  advance(ms: number): void {
    this.#nowMs += ms
    const due = this.#sleepers.filter((sleeper) => sleeper.atMs <= this.#nowMs)
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.atMs > this.#nowMs)
    for (const sleeper of due) sleeper.wake()
  }
}

/** A refusal, for handlers of tests. */
export const refused = new StoaError(errors.conflict)
