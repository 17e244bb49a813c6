import { createHmac } from 'node:crypto'
import { type Database, type MigrationSet, type TenantRecord, tenantTable } from '@stoa/db'
import { createJournal, defineEvent, type Journal, journalMigrations, processHints } from '@stoa/journal'
import { type Clock, type Ctx, type Logger, silentLogger, systemClock } from '@stoa/kernel'
import {
  type AnyJson,
  createTestTenants,
  type Engine,
  openTestDatabase,
  type TestDatabase,
  type TestTenants,
  testCtx,
} from '@stoa/testkit'
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

/** A machine that is busy with other tests is no overload. */
const QUIET = { port: 0, maxEventLoopDelayMs: 0 }
const deps = { log: silentLogger, clock: systemClock }

/** The same on every node of a test. */
export function testSecret(purpose: string, bytes = 32): Buffer {
  return createHmac('sha512', 'a test').update(purpose).digest().subarray(0, bytes)
}

export const noted = defineEvent({
  type: 'note.written',
  version: 1,
  description: 'A note was written.',
  keepsPlace: true,
  data: Type.Object({ text: Type.String() }),
})

const notes: MigrationSet = {
  owner: 'notes',
  migrations: [
    {
      name: '0001_notes',
      scope: 'tenant',
      breaking: false,
      up: `create table notes (tenant_id uuid not null, id uuid not null, text text not null, version int not null,
        primary key (tenant_id, id));${tenantTable('notes')}`,
    },
  ],
}

/** A database with the tables of http and of notes, and its tenants. */
export interface HttpDatabase extends TestDatabase, TestTenants {}

export async function openDatabase(engine: Engine): Promise<HttpDatabase> {
  const database = await openTestDatabase(engine, { sets: [journalMigrations, httpMigrations, notes], name: 'http' })
  return { ...database, ...(await createTestTenants(database)) }
}

/** A context of the tenant with every permission. */
export function ownerCtx(tenant: TenantRecord, clock: Clock = systemClock): Ctx {
  return testCtx({ tenant, clock })
}

/** An application without a database. */
export function openApp(
  routes: readonly Route[],
  options: HttpOptions = {},
  more: Partial<HttpDeps> = {},
): Promise<Http> {
  return createHttp({ ...QUIET, ...options }, { ...deps, routes, schemes: [], secret: testSecret, ...more })
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
  readonly body: AnyJson
}

/** What one node of a test is made with. */
export interface NodeOptions {
  readonly routes?: (node: { readonly db: Database; readonly journal: Journal }) => readonly Route[]
  readonly clock?: Clock
  readonly log?: Logger
  readonly options?: HttpOptions
  readonly permissions?: readonly string[]
  readonly more?: Partial<HttpDeps>
}

/** A node with API keys over a database. */
export async function openNode({ db }: HttpDatabase, made: NodeOptions = {}): Promise<Node> {
  const { clock = systemClock, log = silentLogger, options = {} } = made
  const hints = processHints()
  const journal = createJournal({ events: [...httpEvents, noted] }, { db, hints, log, clock })
  const permissions = [...Object.keys(httpPermissions), 'notes:read', 'notes:write', ...(made.permissions ?? [])]
  const keys = createApiKeys({ db, journal, clock, log, secret: testSecret, permissions })
  const routes = [...keys.routes, ...(made.routes?.({ db, journal }) ?? [])]
  const http = await createHttp(
    { ...QUIET, rateLimit: { capacity: 10_000, refillPerSecond: 10_000 }, ...options },
    { db, clock, log, routes, schemes: [keys.scheme], secret: testSecret, ...made.more },
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
    body: json && response.body !== '' ? response.json() : undefined,
  }
}
