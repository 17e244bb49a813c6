// A server of the HTTP benchmark, ours or what one writes by hand: a process of its own, so that its CPU time can be
// told from everything else's.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTenant, migrate, openPostgres } from '@stoa/db'
import { createApiKeys, createHttp, defineRoute } from '@stoa/http'
import { createJournal, processHints } from '@stoa/journal'
import { newId, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { type Stoa, startStoa } from '@stoa/stoa'
import { configOf } from '@stoa/stoa/config'
import { readEnvironment } from '@stoa/stoa/environment'
import { events, migrationSets, permissions } from '@stoa/stoa/manifest'
import { createLogger, createMetrics } from '@stoa/telemetry'
import Fastify from 'fastify'
import { Pool } from 'pg'
import { Type } from 'typebox'
import { answer } from './process.ts'

/** Which server to start. */
export interface Opening {
  readonly kind: 'stoa' | 'bare' | 'hello' | 'bareHello'
  /** A database of this server's own, but `bare` uses that of `stoa`. */
  readonly databaseUrl: string
  /** How many API keys `stoa` and `hello` make: one for each caller. */
  readonly keys: number
}

/** A server that listens. */
export interface Opened {
  readonly url: string
  readonly keys: readonly string[]
}

interface Server extends Opened, AsyncDisposable {}

const POOL_SIZE = 10
/** Of the installation: several programs in turn open the same database. */
const SECRET = 'ab'.repeat(32)
const UNREACHED = { capacity: 1_000_000, refillPerSecond: 1_000_000 }
const deps = { log: silentLogger, clock: systemClock }

/** The program as `npm start` runs it on PostgreSQL, with its log in a file. */
async function stoa({ databaseUrl, keys }: Opening): Promise<Server> {
  const stack = new AsyncDisposableStack()
  const folder = temporaryFolder(stack)
  const log = stack.use(openLog(folder))
  const environment = readEnvironment({ DATABASE_URL: databaseUrl, STOA_DATA: folder, STOA_SECRET: SECRET, PORT: '0' })
  const config = configOf(environment, {}, false)
  // The limits that come with the program are below what is measured; they are counted all the same.
  const unlimited = { ...config.http, rateLimit: UNREACHED, tenantRateLimit: UNREACHED }
  const program = await startStoa({ ...config, http: unlimited }, { log, clock: systemClock }, { migrates: true })
  stack.use(program)
  const tokens = await tokensOf(program, keys)
  return { url: program.url, keys: tokens, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const COLUMNS =
  'id, host, code, target, title, tags, expires_at, archived_at, version, created_at, updated_at, created_by'

/**
 * The same statements on the same table by Fastify and `pg`, prepared and pooled, and nothing else: no guard, no
 * tenant, no event. What it writes counts as indexed for search: else the program, when it has its turn, would do that
 * for these rows beside what is measured.
 */
async function bare({ databaseUrl }: Opening): Promise<Server> {
  const pool = new Pool({ connectionString: databaseUrl, max: POOL_SIZE })
  const { rows } = await pool.query<{ id: string }>('select id from stoa.tenants limit 1')
  const tenant = rows[0]?.id
  const app = Fastify()
  const byId = `select ${COLUMNS} from stoa_pool.links where tenant_id = $1 and id = $2`
  app.get<{ Params: { id: string } }>('/links/:id', async (request) => {
    const found = await pool.query({ name: 'by-id', text: byId, values: [tenant, request.params.id] })
    return found.rows[0]
  })
  const insertion = `insert into stoa_pool.links (tenant_id, id, host, code, target, tags, version, created_at, updated_at, created_by, worded)
values ($1, $2, '', $3, $4, '{}', 1, now(), now(), 'bench', true) returning ${COLUMNS}`
  app.post<{ Body: { target: string } }>('/links', async (request, reply) => {
    const id = newId()
    const values = [tenant, id, id.slice(-12), request.body.target]
    const inserted = await pool.query({ name: 'insert', text: insertion, values })
    return reply.code(201).send(inserted.rows[0])
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    keys: [],
    async [Symbol.asyncDispose]() {
      await app.close()
      await pool.end()
    },
  }
}

const HELLO = { hello: 'world' }

/** Fastify's hello for holders of a key: guard, limits, access log as by default, metrics. */
async function hello({ databaseUrl, keys }: Opening): Promise<Server> {
  const stack = new AsyncDisposableStack()
  const log = stack.use(openLog(temporaryFolder(stack)))
  const db = stack.use(await openPostgres({ url: databaseUrl }, deps))
  await migrate(db, migrationSets, deps)
  const journal = createJournal({ events }, { db, hints: processHints(), ...deps })
  await journal.ensurePartitions(systemCtx(deps, 'bench'))
  const secret = (_purpose: string, bytes = 32) => Buffer.alloc(bytes, 1)
  const own = { db, journal, secret, log, clock: systemClock }
  const apiKeys = stack.use(createApiKeys({ ...own, permissions: Object.keys(permissions) }))
  const route = defineRoute({
    method: 'GET',
    url: '/hello',
    operationId: 'hello',
    tags: ['bench'],
    summary: 'Says hello.',
    permission: 'links:read',
    schema: { response: { 200: Type.Object({ hello: Type.String() }) } },
    handler: async () => HELLO,
  })
  const metrics = stack.use(createMetrics())
  const http = stack.use(
    await createHttp(
      { port: 0, rateLimit: UNREACHED, tenantRateLimit: UNREACHED },
      { ...own, metrics, routes: [route], schemes: [apiKeys.scheme] },
    ),
  )
  const tokens = await tokensOf({ db, apiKeys }, keys)
  return { url: await http.listen(), keys: tokens, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function bareHello(): Promise<Server> {
  const app = Fastify()
  app.get('/hello', async () => HELLO)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, keys: [], [Symbol.asyncDispose]: () => app.close() }
}

/** Keys of a new tenant. */
async function tokensOf({ apiKeys, db }: Pick<Stoa, 'apiKeys' | 'db'>, count: number): Promise<string[]> {
  const ctx = systemCtx(deps, 'bench')
  const tenant = await createTenant(db, ctx, migrationSets, {
    slug: `acme-${newId().slice(-12)}`,
    name: 'Acme',
    placement: 'pool',
  })
  const own = tenantCtx(ctx, tenant, { permissions: new Set(['*']) })
  const tokens: string[] = []
  for (let n = 0; n < count; n++) {
    const { token } = await apiKeys.create(own, { name: `caller ${n}`, scopes: ['*'], expiresAt: null })
    tokens.push(token)
  }
  return tokens
}

function temporaryFolder(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const openLog = (folder: string) => createLogger({ level: 'info', destination: join(folder, 'log') })

const KINDS = { stoa, bare, hello, bareHello }
let server: Server | undefined

answer(
  {
    async open(opening: Opening): Promise<Opened> {
      server = await KINDS[opening.kind](opening)
      return { url: server.url, keys: server.keys }
    },
  },
  async () => await server?.[Symbol.asyncDispose](),
)
