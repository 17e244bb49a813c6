import { type AuthScheme, createHttp, type Principal } from '@stoa/http'
import { createJournal, defineEvent, journalMigrations, processHints } from '@stoa/journal'
import { errors, newId, StoaError, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import { createRealtime, defineChannel, type RealtimeOptions, realtimeErrors } from '@stoa/realtime'
import { inTime, openTestDatabase, testCtx } from '@stoa/testkit'
import { Type } from 'typebox'
import {
  type ChannelEvent,
  createRealtimeClient,
  type RealtimeClientOptions,
  type RealtimeError,
} from '../src/index.ts'

const noted = defineEvent({
  type: 'note.written',
  version: 1,
  description: 'A note was written.',
  data: Type.Object({ n: Type.Integer() }),
})

export const said: string[] = []

const channels = [
  defineChannel({ pattern: 'notes', description: 'Notes.', permission: 'notes:read', events: [noted.type] }),
  defineChannel({
    pattern: 'room:{id}',
    description: 'A room where people talk.',
    permission: 'notes:read',
    events: [],
    presence: true,
    messages: {
      schema: Type.Object({ text: Type.String() }),
      permission: 'notes:read',
      handle: (_ctx, { data }) => void said.push(data.text),
    },
  }),
  defineChannel({ pattern: 'note:{id}', description: 'A note.', permission: 'notes:read', events: [noted.type] }),
  defineChannel({
    // What the example follows.
    pattern: 'links',
    description: 'Notes, as links.',
    permission: 'notes:read',
    events: [noted.type],
    payload: ({ data }) => ({ id: 'x', code: `n${data.n}`, target: 'https://example.com/' }),
  }),
  defineChannel({ pattern: 'secrets', description: 'For few.', permission: 'secrets:read', events: [] }),
]

const tenant = { id: newId(), slug: 'acme', schema: 'stoa_pool' }
const deps = { log: silentLogger, clock: systemClock }

/** A token is `<actor>|<permissions>`. */
class Scheme implements AuthScheme {
  readonly name = 'test'
  readonly openapi = { type: 'http', scheme: 'bearer' }
  readonly challenge = 'Bearer realm="test"'
  readonly revoked = new Set<string>()

  authenticate: AuthScheme['authenticate'] = ({ headers }) => {
    const token = headers.authorization?.slice(7)
    if (token === undefined) return null
    const [actor = '', list = ''] = token.split('|')
    if (this.revoked.has(actor)) throw new StoaError(errors.unauthenticated)
    return {
      actor: { type: 'person', id: actor },
      tenant,
      permissions: new Set(list.split(',')),
      limitKey: `test:${actor}`,
    } satisfies Principal
  }
}

/** A server that can be stopped and started again at the same address. */
export async function setup(options: RealtimeOptions = {}) {
  const database = await openTestDatabase('pglite', { sets: [journalMigrations], name: 'client' })
  const journal = createJournal({ events: [noted] }, { db: database.db, hints: processHints(), ...deps })
  await journal.ensurePartitions(systemCtx(deps, 'test'))
  const scheme = new Scheme()
  const start = async (port: number) => {
    const realtime = createRealtime(
      { spreadMs: 20, ...options },
      { ...deps, journal, channels, authenticate: (credentials) => scheme.authenticate(credentials) },
    )
    await realtime.open()
    const http = await createHttp(
      { port, maxEventLoopDelayMs: 0 },
      {
        ...deps,
        routes: realtime.routes,
        schemes: [scheme],
        secret: () => Buffer.alloc(32, 7),
        errors: [realtimeErrors],
        onDrain: () => realtime.drain(),
      },
    )
    const url = await http.listen()
    return { http, realtime, url }
  }
  let node = await start(0)
  const stop = async () => {
    await node.http[Symbol.asyncDispose]()
    await node.realtime[Symbol.asyncDispose]()
  }
  return {
    url: node.url,
    scheme,
    get realtime() {
      return node.realtime
    },
    stop,
    async startAgain() {
      node = await start(Number(new URL(node.url).port))
    },
    async write(...numbers: number[]) {
      const ctx = testCtx({ tenant })
      for (const n of numbers) {
        await database.db.transaction(ctx, async (tx) => journal.append(ctx, tx, noted.of({ n }, [`note:${n}`])))
      }
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await database[Symbol.asyncDispose]()
    },
  }
}

type NoteEvent = ChannelEvent<'note.written', { readonly n: number }>

/** What came to a client of a test. */
export function followed(options: RealtimeClientOptions) {
  const client = createRealtimeClient<{ readonly [name: string]: NoteEvent }>({
    minRetryMs: 5,
    maxRetryMs: 50,
    ...options,
  })
  const numbers: number[] = []
  const resyncs: string[] = []
  const problems: RealtimeError[] = []
  let changed = Promise.withResolvers<void>()
  const tell = () => {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  const follow = (channel = 'notes', position?: string) =>
    client.subscribe(channel, {
      onEvent({ data }) {
        numbers.push(data.n)
        tell()
      },
      onResync({ reason }) {
        resyncs.push(reason)
        tell()
      },
      onError(error) {
        problems.push(error)
        tell()
      },
      ...(position !== undefined && { position }),
    })
  return {
    client,
    numbers,
    resyncs,
    problems,
    follow,
    /** Follows, and waits until the server has answered. */
    async following(channel = 'notes', position?: string) {
      const subscription = follow(channel, position)
      while (subscription.position === undefined) await new Promise((resolve) => setImmediate(resolve))
      return subscription
    },
    async holds(condition: () => boolean) {
      while (!condition())
        await inTime(changed.promise, `that ${condition} holds (${JSON.stringify({ numbers, resyncs })})`)
    },
    [Symbol.dispose]: () => client.close(),
  }
}
