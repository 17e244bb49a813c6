// A server of short links for the benchmark, ours or what one writes by hand: a process of its own, so that its CPU time
// can be told from everything else's.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTenant } from '@stoa/db'
import { newId, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { startStoa } from '@stoa/stoa'
import { configOf } from '@stoa/stoa/config'
import { readEnvironment } from '@stoa/stoa/environment'
import { migrationSets } from '@stoa/stoa/manifest'
import { createLogger } from '@stoa/telemetry'
import Fastify from 'fastify'
import { codeOf, targetOf } from './link-supply.ts'
import { answer } from './process.ts'

/** Which server to start. */
export interface Opening {
  readonly kind: 'stoa' | 'node' | 'fastify'
  /** How many links `node` and `fastify` keep in a Map. */
  readonly links: number
  readonly databaseUrl: string
  readonly redisUrl: string | null
}

/** A server that listens. */
export interface Opened {
  readonly url: string
  /** For `stoa`: the tenant and its key. */
  readonly tenantId: string | null
  readonly key: string | null
}

interface Server extends Opened, AsyncDisposable {}

/** Of the installation: several programs in turn open the same database. */
const SECRET = 'ab'.repeat(32)
const UNREACHED = { capacity: 1_000_000, refillPerSecond: 1_000_000 }

/** The program as `npm start` runs it on PostgreSQL, with its log in a file. */
async function stoa({ databaseUrl, redisUrl }: Opening): Promise<Server> {
  const stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const log = stack.use(createLogger({ level: 'info', destination: join(folder, 'log') }))
  const environment = readEnvironment({
    ...{ DATABASE_URL: databaseUrl, STOA_DATA: folder, STOA_SECRET: SECRET, PORT: '0' },
    ...(redisUrl !== null && { REDIS_URL: redisUrl }),
  })
  const config = configOf(environment, {}, false)
  // The limits that come with the program are below what is measured; they are counted all the same.
  const http = { ...config.http, rateLimit: UNREACHED, tenantRateLimit: UNREACHED }
  const links = { ...config.rooms.links, visitBurst: 1_000_000, visitsPerSecond: 1_000_000 }
  const rooms = { ...config.rooms, links }
  const program = stack.use(
    await startStoa({ ...config, http, rooms }, { log, clock: systemClock }, { migrates: true }),
  )
  const ctx = systemCtx({ log, clock: systemClock }, 'bench')
  const tenant = await createTenant(program.db, ctx, migrationSets, {
    slug: `acme-${newId().slice(-12)}`,
    name: 'Acme',
    placement: 'pool',
  })
  const own = tenantCtx(ctx, tenant, { permissions: new Set(['*']) })
  const { token } = await program.apiKeys.create(own, { name: 'bench', scopes: ['*'], expiresAt: null })
  return { url: program.url, tenantId: tenant.id, key: token, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

function targets(links: number): ReadonlyMap<string, string> {
  return new Map(Array.from({ length: links }, (_, number) => [codeOf(number), targetOf(number)]))
}

/** A Map behind node:http, and nothing else. */
async function node({ links }: Opening): Promise<Server> {
  const known = targets(links)
  const server = createServer((request, response) => {
    const target = known.get((request.url as string).slice(3))
    response.writeHead(target === undefined ? 404 : 302, { location: target ?? '/', 'content-length': 0 })
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    ...{ url: `http://127.0.0.1:${port}`, tenantId: null, key: null },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A Map behind Fastify's `reply.redirect`, and nothing else. */
async function fastify({ links }: Opening): Promise<Server> {
  const known = targets(links)
  const app = Fastify({ forceCloseConnections: true })
  app.get<{ Params: { code: string } }>('/l/:code', (request, reply) => {
    const target = known.get(request.params.code)
    return target === undefined ? reply.code(404).send() : reply.redirect(target)
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, tenantId: null, key: null, [Symbol.asyncDispose]: () => app.close() }
}

const KINDS = { stoa, node, fastify }
let server: Server | undefined

answer(
  {
    async open(opening: Opening): Promise<Opened> {
      server = await KINDS[opening.kind](opening)
      return { url: server.url, tenantId: server.tenantId, key: server.key }
    },
  },
  async () => await server?.[Symbol.asyncDispose](),
)
