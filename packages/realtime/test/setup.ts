import type { Database } from '@stoa/db'
import { type AuthScheme, type Credentials, createHttp, type Http, type Principal } from '@stoa/http'
import {
  createJournal,
  defineEvent,
  type Hints,
  type HintTransport,
  type Journal,
  journalMigrations,
  processHints,
} from '@stoa/journal'
import { type Clock, type Ctx, errors, newId, StoaError, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import {
  type AnyJson,
  type Engine,
  eventually,
  inTime,
  openTestDatabase,
  type TestDatabase,
  testCtx,
  whenTestsEnd,
} from '@stoa/testkit'
import { Type } from 'typebox'
import { WebSocket } from 'ws'
import { createRealtime, defineChannel, type Realtime, type RealtimeOptions, realtimeErrors } from '../src/index.ts'

const noted = defineEvent({
  type: 'note.written',
  version: 1,
  description: 'A note was written.',
  data: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
})

const other = defineEvent({
  type: 'other.done',
  version: 1,
  description: 'Something that no channel shows.',
  data: Type.Object({ n: Type.Integer() }),
})

/** Everything that was said, in the order in which it was carried out. */
export const said: unknown[] = []

const channels = [
  defineChannel({
    pattern: 'notes',
    description: 'Every note.',
    permission: 'notes:read',
    events: ['note.written'],
    presence: true,
    messages: {
      schema: Type.Object({ text: Type.String({ maxLength: 10 }) }),
      permission: 'notes:write',
      rateLimit: { capacity: 3, refillPerSecond: 0.001 },
      handle: (ctx, { data }) => {
        if (data.text === 'fail') throw new Error('a secret of the program')
        said.push([ctx.actor.id, ctx.tenant.slug, data.text])
      },
    },
  }),
  defineChannel({
    pattern: 'note:{id}',
    description: 'One note.',
    permission: 'notes:read',
    events: ['note.written'],
    payload: ({ data }) => ({ n: data.n }),
    admit: (_ctx, { id }) => {
      if (id === 'missing') throw new StoaError(errors.not_found)
    },
  }),
  defineChannel({ pattern: 'secrets', description: 'For few.', permission: 'secrets:read', events: [] }),
]

/** The credentials of a test are what they say: `<tenant>|<actor>|<permissions>`; those that are listed do not hold. */
class TestScheme implements AuthScheme {
  readonly name = 'test'
  readonly openapi = { type: 'http', scheme: 'bearer' }
  readonly challenge = 'Bearer realm="test"'
  readonly revoked = new Set<string>()
  readonly expiresAtMs = new Map<string, number>()
  readonly rightsEndAtMs = new Map<string, number>()
  readonly permissions = new Map<string, string[]>()
  /** Actor → the person that it acts for. */
  readonly owners = new Map<string, string>()
  readonly #tenants: Readonly<Record<string, Ctx['tenant']>>

  constructor(tenants: Readonly<Record<string, Ctx['tenant']>>) {
    this.#tenants = tenants
  }

  async authenticate({ headers }: Pick<Credentials, 'headers'>): Promise<Principal | null> {
    const token = headers.authorization?.slice(7)
    if (token === undefined) return null
    const [slug = '', actor = '', list = ''] = token.split('|')
    const tenant = this.#tenants[slug]
    if (tenant === undefined || this.revoked.has(actor)) throw new StoaError(errors.unauthenticated)
    const expiresAtMs = this.expiresAtMs.get(actor)
    const rightsEndAtMs = this.rightsEndAtMs.get(actor)
    const owner = this.owners.get(actor)
    return {
      actor: { type: 'person', id: actor },
      tenant,
      permissions: new Set(this.permissions.get(actor) ?? list.split(',')),
      limitKey: `test:${actor}`,
      ...(expiresAtMs !== undefined && { expiresAtMs }),
      ...(rightsEndAtMs !== undefined && { rightsEndAtMs }),
      ...(owner !== undefined && { owner: { type: 'person', id: owner } as const }),
    }
  }
}

/** Everything, as an owner has it. */
export const ADA = 'acme|ada|*'

const tenants = {
  acme: { id: newId(), slug: 'acme', schema: 'stoa_pool' },
  rival: { id: newId(), slug: 'rival', schema: 'stoa_pool' },
}

/** One process: a journal of its own, and what is built on it. */
interface Node extends AsyncDisposable {
  readonly url: string
  readonly http: Http
  readonly journal: Journal
  readonly realtime: Realtime
}

export interface Bench extends AsyncDisposable {
  readonly node: Node
  readonly scheme: TestScheme
  tenantId(name: keyof typeof tenants): string
  /** Another process on the same database. */
  another(options?: RealtimeOptions): Promise<Node>
  /** Commits one event per number. */
  write(...numbers: number[]): Promise<void>
  writeFor(
    tenant: keyof typeof tenants,
    n: number,
    more?: { readonly text?: string; readonly subjects?: string[] },
  ): Promise<void>
  /** Commits events that no channel shows. */
  writeOther(count: number): Promise<void>
}

export interface BenchOptions {
  readonly options?: RealtimeOptions
  readonly clock?: Clock
  readonly hints?: () => Hints
  readonly presence?: (db: Database) => HintTransport | null
  readonly corsOrigins?: readonly string[]
}

export async function setup(engine: Engine, made: BenchOptions = {}): Promise<Bench> {
  const database = await emptyDatabase(engine)
  const scheme = new TestScheme(tenants)
  const nodes: Node[] = []
  const open = async (db: Database, options: RealtimeOptions = {}) => {
    const node = await openNode(db, scheme, { ...made, options: { ...made.options, ...options } })
    nodes.push(node)
    return node
  }
  // Something is there always: whoever connects had to be let in by something that was written.
  const first = createJournal(
    { events: [noted, other] },
    { db: database.db, hints: processHints(), log: silentLogger, clock: systemClock },
  )
  await first.ensurePartitions(systemCtx({ log: silentLogger, clock: systemClock }, 'test'))
  const node = await open(database.db)
  const { journal } = node
  const append = (tenant: keyof typeof tenants, event: Parameters<Journal['append']>[2]) => {
    const ctx = testCtx({ tenant: tenants[tenant] })
    return database.db.transaction(ctx, async (tx) => journal.append(ctx, tx, event))
  }
  const writeFor: Bench['writeFor'] = (tenant, n, { text, subjects = [`note:${n}`] } = {}) =>
    append(tenant, noted.of({ n, ...(text !== undefined && { text }) }, subjects))
  return {
    node,
    scheme,
    tenantId: (name) => tenants[name].id,
    another: async (options) => open(await database.open(), options),
    async write(...numbers) {
      for (const n of numbers) await writeFor('acme', n)
    },
    writeFor,
    async writeOther(count) {
      for (let n = 0; n < count; n++) await append('acme', other.of({ n }, [`other:${n}`]))
    },
    async [Symbol.asyncDispose]() {
      for (const one of nodes) await one[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function openNode(db: Database, scheme: TestScheme, made: BenchOptions): Promise<Node> {
  const { clock = systemClock, corsOrigins = [], hints = processHints } = made
  const own = hints()
  const deps = { log: silentLogger, clock }
  const journal = createJournal({ events: [noted, other] }, { db, hints: own, ...deps })
  const authenticate = (credentials: Credentials) => scheme.authenticate(credentials)
  const presence = made.presence?.(db) ?? null
  const realtime = createRealtime(
    { spreadMs: 1_000, ...made.options },
    { ...deps, journal, channels, authenticate, ...(presence && { presence }) },
  )
  await realtime.open()
  const http = await createHttp(
    { port: 0, maxEventLoopDelayMs: 0, corsOrigins },
    {
      ...deps,
      routes: realtime.routes,
      schemes: [scheme],
      secret: (_purpose, bytes = 32) => Buffer.alloc(bytes, 7),
      errors: [realtimeErrors],
      onDrain: () => realtime.drain(),
    },
  )
  const url = await http.listen()
  return {
    url,
    http,
    journal,
    realtime,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await realtime[Symbol.asyncDispose]()
      await own[Symbol.asyncDispose]()
    },
  }
}

/** PGlite takes much longer to open than to empty: one is handed from test to test. */
let spare: TestDatabase | undefined
whenTestsEnd(() => spare?.[Symbol.asyncDispose]())

async function emptyDatabase(engine: Engine): Promise<TestDatabase> {
  const fresh = () => openTestDatabase(engine, { sets: [journalMigrations], name: 'realtime' })
  if (engine === 'postgres') return await fresh()
  const database = spare ?? (await fresh())
  spare = undefined
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await database.db.admin((session) => session.exec('truncate stoa.events'))
      spare = database
    },
  }
}

/** A message of the server. */
export type Message = AnyJson

/** A WebSocket of a test: what came, and waiting for it. */
export class TestSocket implements Disposable {
  readonly ws: WebSocket
  readonly messages: Message[] = []
  /** Code and reason, when it is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: Message }>
  #changed = Promise.withResolvers<void>()
  #ids = 0

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data: Buffer) => this.#take(JSON.parse(String(data))))
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        resolve({ code, reason: reason.length > 0 ? JSON.parse(String(reason)) : null })
        this.#take({ type: 'closed', code })
      })
    })
    ws.on('error', () => undefined)
  }

  /** Events of a channel so far. */
  events(channel: string): Message[] {
    return this.messages
      .filter((one) => one.type === 'events' && one.channel === channel)
      .flatMap(({ events }) => events)
  }

  numbers(channel = 'notes'): number[] {
    return this.events(channel).map(({ data }) => data.n)
  }

  send(message: object): void {
    this.ws.send(JSON.stringify(message))
  }

  /** Sends a request, and gives its answer. */
  async ask(message: object): Promise<Message> {
    this.#ids += 1
    const id = this.#ids
    this.send({ id, ...message })
    return await this.until((one) => one.id === id)
  }

  /** Follows a channel. */
  async follow(channel: string, position?: string): Promise<Message> {
    const answer = await this.ask({ type: 'subscribe', channel, ...(position !== undefined && { position }) })
    if (answer.type !== 'subscribed') throw new Error(JSON.stringify(answer))
    return answer
  }

  async until(wanted: (message: Message) => boolean): Promise<Message> {
    await this.holds(() => this.messages.some(wanted))
    return this.messages.find(wanted)
  }

  async holds(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await inTime(
        this.#changed.promise,
        `that ${condition} holds; so far: ${JSON.stringify(this.messages).slice(0, 2_000)}`,
      )
    }
  }

  async count(count: number, channel = 'notes'): Promise<number[]> {
    await this.holds(() => this.numbers(channel).length >= count)
    return this.numbers(channel)
  }

  [Symbol.dispose](): void {
    this.ws.terminate()
  }

  #take(message: Message): void {
    this.messages.push(message)
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers()
    resolve()
  }
}

/** Connects. @param token null: without credentials */
export async function connect(
  node: { readonly url: string },
  token: string | null = ADA,
  headers: Record<string, string> = {},
): Promise<TestSocket> {
  const ws = open(node, token, headers)
  const socket = new TestSocket(ws)
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  if (token !== null) await socket.until(({ type }) => type === 'welcome' || type === 'closed')
  return socket
}

/** The status with which a WebSocket is refused. */
export async function refusedWith(
  node: { readonly url: string },
  token: string | null,
  headers: Record<string, string> = {},
): Promise<number> {
  const ws = open(node, token, headers)
  return await new Promise((resolve, reject) => {
    ws.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    ws.on('open', () => reject(new Error('it was let in')))
    ws.on('error', () => undefined)
  })
}

function open(node: { readonly url: string }, token: string | null, headers: Record<string, string>): WebSocket {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
  return new WebSocket(`${node.url.replace('http', 'ws')}/api/v1/realtime`, {
    headers: { ...authorization, ...headers },
  })
}

export { eventually }
