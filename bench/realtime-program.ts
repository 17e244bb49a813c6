// The server of the realtime benchmark: Stoa's channels on the journal, or socket.io at its best documented settings.

import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openPostgres } from '@stoa/db'
import { type AuthScheme, createHttp, type Principal } from '@stoa/http'
import { createJournal, defineEvent, notifyTransport, relayedHints } from '@stoa/journal'
import { redisTransport } from '@stoa/journal/redis'
import { newId, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { createRealtime, defineChannel, realtimeErrors } from '@stoa/realtime'
import { Type } from 'typebox'
import { peer } from './peers.ts'
import { answer } from './process.ts'
import type { Kind } from './realtime-clients.ts'

/** How a server is opened. */
export interface Opening {
  readonly kind: Kind
  /** Of PostgreSQL; the peer has no use for it. */
  readonly databaseUrl: string
  /** null: hints by NOTIFY. */
  readonly redisUrl: string | null
  readonly tenantId: string
}

interface Contender extends AsyncDisposable {
  readonly url: string
  send(data: Data): Promise<void>
}

type Data = { readonly n: number; readonly sentUs: number; readonly text: string }

const MANY = 1_000_000
/** The data of an event is 200 bytes of JSON. */
const TEXT = 'x'.repeat(150)
const deps = { log: silentLogger, clock: systemClock }
const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n)

const happened = defineEvent({
  type: 'bench.happened',
  version: 1,
  description: 'Something happened.',
  data: Type.Object({ n: Type.Integer(), sentUs: Type.Integer(), text: Type.String() }),
})

/** What is used of socket.io. */
interface SocketIo {
  readonly Server: new (server: HttpServer, options: object) => SocketIoServer
}

interface SocketIoServer {
  readonly engine: { on(event: 'connection', listener: (socket: { request: unknown }) => void): void }
  on(event: 'connection', listener: (socket: SocketIoClient) => void): void
  to(room: string): { emit(event: string, data: unknown): void }
  close(): Promise<void>
}

interface SocketIoClient {
  on(event: string, listener: () => void): void
  join(room: string): void
  emit(event: string, data: unknown): void
}

async function stoa({ databaseUrl, redisUrl, tenantId }: Opening): Promise<Contender> {
  const db = await openPostgres({ url: databaseUrl, poolSize: 5 }, deps)
  const transport = redisUrl === null ? notifyTransport(db) : redisTransport({ url: redisUrl }, deps)
  const hints = await relayedHints(transport, deps)
  const journal = createJournal({ events: [happened] }, { db, hints, ...deps })
  const tenant = { id: tenantId, slug: 'bench', schema: 'stoa_pool' }
  const principal: Principal = {
    actor: { type: 'person', id: newId() },
    tenant,
    permissions: new Set(['*']),
    limitKey: 'b',
  }
  const unlimited = { capacity: 1_000_000, refillPerSecond: MANY }
  const scheme: AuthScheme = { name: 'bench', openapi: {}, challenge: 'Bearer', authenticate: () => principal }
  const channel = defineChannel({
    pattern: 'bench',
    description: 'What happens.',
    permission: 'bench:read',
    events: [happened.type],
  })
  const realtime = createRealtime(
    { maxConnections: MANY, maxConnectionsPerTenant: MANY, admitBurst: MANY, admitPerSecond: MANY },
    { ...deps, journal, channels: [channel], authenticate: () => principal },
  )
  await realtime.open()
  const http = await createHttp(
    {
      ...{ port: 0, maxConnections: MANY, maxEventLoopDelayMs: 0, drainTimeoutMs: 1_000 },
      ...{ rateLimit: unlimited, tenantRateLimit: unlimited },
    },
    {
      ...deps,
      routes: realtime.routes,
      schemes: [scheme],
      secret: (_purpose, bytes = 32) => Buffer.alloc(bytes, 1),
      errors: [realtimeErrors],
      onDrain: () => realtime.drain(),
    },
  )
  const url = await http.listen()
  const ctx = tenantCtx(systemCtx(deps, 'bench'), tenant)
  return {
    url,
    async send(data) {
      await db.transaction(ctx, async (tx) => journal.append(ctx, tx, happened.of(data, ['bench:1'])))
    },
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await realtime[Symbol.asyncDispose]()
      await hints[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
}

async function socketIo(): Promise<Contender> {
  const { Server } = peer<SocketIo>('socket.io')
  const server = createServer()
  const io = new Server(server, {
    transports: ['websocket'],
    perMessageDeflate: false,
    httpCompression: false,
    serveClient: false,
  })
  // Its own advice for saving memory.
  io.engine.on('connection', (socket) => {
    socket.request = null
  })
  io.on('connection', (socket) => {
    socket.on('follow', () => {
      socket.join('bench')
      socket.emit('followed', 0)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 10_000, resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async send(data) {
      io.to('bench').emit('event', data)
    },
    async [Symbol.asyncDispose]() {
      await io.close()
    },
  }
}

let contender: Contender | null = null

answer(
  {
    async open(opening: Opening) {
      contender = opening.kind === 'stoa' ? await stoa(opening) : await socketIo()
      return contender.url
    },
    /** Sends events, evenly. */
    async send({ everyMs, events, first }: { first: number; events: number; everyMs: number }) {
      if (contender === null) throw new Error('open comes first')
      const begun = performance.now()
      for (let at = 0; at < events; at++) {
        const early = begun + at * everyMs - performance.now()
        if (early > 0) await systemClock.sleep(early)
        await contender.send({ n: first + at, sentUs: nowUs(), text: TEXT })
      }
    },
    /**
     * Leaves in memory only what is needed. The space of young objects, which V8 makes larger while thousands connect, is
     * made small again: else its size, and not what a connection takes, is most of what is seen.
     */
    collect() {
      setFlagsFromString('--expose_gc')
      const gc = runInNewContext('gc') as (options: object) => void
      for (let time = 0; time < 3; time++) gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    },
  },
  async () => {
    await contender?.[Symbol.asyncDispose]()
  },
)
