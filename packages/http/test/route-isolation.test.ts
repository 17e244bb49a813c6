import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Database, statement, type Tx } from '@stoa/db'
import { type Ctx, errors, newId, StoaError } from '@stoa/kernel'
import { type ApiCalls, engines, type RouteIsolationReport, TestClient, tryRouteIsolation } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineRoute, etag, IdParams, openapiDocument, PageOf, type Route } from '../src/index.ts'
import { type HttpDatabase, type Node, openDatabase, openNode } from './setup.ts'

interface Row {
  readonly id: string
  readonly text: string
  readonly version: number
}

const COLUMNS = 'id, text, version'
const added = statement<[tenantId: string, id: string, text: string], Row>(
  `insert into notes (tenant_id, id, text, version) values ($1, $2, $3, 1) returning ${COLUMNS}`,
)
const byId = statement<[id: string], Row>(`select ${COLUMNS} from notes where id = $1`)
const textChanged = statement<[id: string, text: string], Row>(
  `update notes set text = $2, version = version + 1 where id = $1 returning ${COLUMNS}`,
)
const list = statement<[after: string | null, search: string | null, limit: number], Row>(
  `select ${COLUMNS} from notes where ($1::uuid is null or id > $1) and ($2::text is null or text = $2) order by id limit $3`,
)

/** Ways in which a program can be wrong. */
type Flaw =
  | 'reads all'
  | 'searches all'
  | 'answers 403'
  | 'has no policies'
  | 'trusts tenantId'
  | 'repeats what was asked'

const Note = Type.Object({ id: Type.String(), text: Type.String(), version: Type.Integer() })

function noteRoutes(db: Database, flaw: Flaw | null): Route[] {
  const read = <T>(ctx: Ctx, everywhere: boolean, work: (tx: Tx) => Promise<T>) =>
    everywhere ? db.systemRead(ctx, work) : db.read(ctx, work)
  const refusal = async (ctx: Ctx, id: string) => {
    if (flaw === 'repeats what was asked') return new StoaError(errors.not_found, { message: `No note ${id} here.` })
    const exists = (await db.systemRead(ctx, (tx) => tx.maybe(byId(id)))) !== undefined
    return new StoaError(flaw === 'answers 403' && exists ? errors.forbidden : errors.not_found)
  }
  const common = { tags: ['notes'] } as const
  return [
    defineRoute({
      ...common,
      method: 'POST',
      url: '/notes',
      operationId: 'createNote',
      summary: 'Writes a note',
      permission: 'notes:write',
      schema: {
        body: Type.Object({ text: Type.String(), tenantId: Type.Optional(Type.String({ format: 'uuid' })) }),
        response: { 201: Note },
      },
      handler(ctx, { body }) {
        const tenantId = flaw === 'trusts tenantId' ? body.tenantId : undefined
        return db.transaction(ctx, (tx) => tx.one(added(tenantId ?? ctx.tenant.id, newId(), body.text)))
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      url: '/notes',
      operationId: 'listNotes',
      summary: 'Lists notes',
      permission: 'notes:read',
      list: { sorts: ['id'] },
      schema: { querystring: Type.Object({ text: Type.Optional(Type.String()) }), response: { 200: PageOf(Note) } },
      async handler(ctx, { query, page }) {
        const rows = list((page.after?.[0] ?? null) as string | null, query.text ?? null, page.limit + 1)
        const everywhere = flaw === 'searches all' && query.text !== undefined
        return page.of(await read(ctx, everywhere, (tx) => tx.many(rows)), ({ id }) => [id])
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      url: '/notes/:id',
      operationId: 'getNote',
      summary: 'Gets a note',
      permission: 'notes:read',
      schema: { params: IdParams, response: { 200: Note } },
      async handler(ctx, { params }, reply) {
        const row = await read(ctx, flaw === 'reads all', (tx) => tx.maybe(byId(params.id)))
        if (row === undefined) throw await refusal(ctx, params.id)
        reply.header('etag', etag(row.version))
        return row
      },
    }),
    defineRoute({
      ...common,
      method: 'PUT',
      url: '/notes/:id',
      operationId: 'changeNote',
      summary: 'Changes a note',
      permission: 'notes:write',
      updates: 'if-match',
      schema: { params: IdParams, body: Type.Object({ text: Type.String() }), response: { 200: Note } },
      async handler(ctx, { params, body, ifMatch }) {
        return await db.transaction(ctx, async (tx) => {
          const row = await tx.maybe(byId(params.id))
          if (row === undefined) throw new StoaError(errors.not_found)
          ifMatch.check(row.version)
          return tx.one(textChanged(params.id, body.text))
        })
      },
    }),
  ]
}

const newNote = async (client: TestClient) => (await client.created<Row>('/notes', { text: `secret ${newId()}` })).body

const calls: ApiCalls = {
  createNote: () => ({ body: { text: `secret ${newId()}` } }),
  listNotes: async (client) => {
    const { text } = await newNote(client)
    await client.created('/notes', { text })
    return { query: { text } }
  },
  getNote: async (client) => ({ params: { id: (await newNote(client)).id } }),
  changeNote: async (client) => ({
    params: { id: (await newNote(client)).id },
    body: { text: `secret ${newId()}` },
    headers: { 'if-match': '"1"' },
  }),
}

for (const engine of engines) {
  describe(`routes tried by another tenant (${engine})`, () => {
    let database: HttpDatabase
    before(async () => {
      database = await openDatabase(engine)
    })
    after(() => database?.[Symbol.asyncDispose]())

    const protect = (how: 'enable' | 'disable') =>
      database.db.admin((session) => session.exec(`alter table stoa_pool.notes ${how} row level security`))

    async function attack(flaw: Flaw | null, victim: 'pooled' | 'placed' = 'pooled'): Promise<RouteIsolationReport> {
      const routes = noteRoutes(database.db, flaw)
      await using node: Node = await openNode(database, { routes: () => routes })
      const url = await node.http.listen()
      const document = await openapiDocument({
        ...{ title: 'Notes', version: '1', routes },
        schemes: [node.keys.scheme],
      })
      const client = async (name: 'pooled' | 'placed' | 'neighbour') =>
        new TestClient(url, await node.key(database[name]))
      const unprotected = flaw === 'has no policies' || flaw === 'trusts tenantId'
      if (unprotected) await protect('disable')
      const report = await tryRouteIsolation({
        ...{ document, calls, victim: database[victim], db: () => database.db },
        asVictim: () => client(victim),
        asIntruder: () => client('neighbour'),
        without: ['stoa.api_keys.last_used_at'],
      })
      if (unprotected) await protect('enable')
      return report
    }

    test('give nothing away and take nothing, in the pool and in a schema of its own', async () => {
      for (const victim of ['pooled', 'placed'] as const) {
        const report = await attack(null, victim)
        assert.deepEqual(report.problems, [])
        assert.deepEqual(report.checked, ['createNote', 'listNotes', 'getNote', 'changeNote'])
        assert.ok(report.sent > 20, `${report.sent} requests`)
      }
    })

    for (const [flaw, signs] of [
      ['reads all', [/^getNote, path id: the answer \(200\) holds/]],
      ['searches all', [/^listNotes, query text: the answer \(200\) holds/]],
      ['has no policies', [/^changeNote, path id: /, /^rows of the other tenant changed: stoa_pool\.notes/]],
      ['trusts tenantId', [/^rows of the other tenant changed: stoa_pool\.notes: (\d+) rows before, (?!\1 )\d+ after/]],
      ['answers 403', [/^getNote, word for word: answered 403 instead of 404/, /^getNote, path id: answered 403/]],
    ] as const) {
      test(`are caught when one ${flaw}`, async () => {
        const { problems } = await attack(flaw)
        for (const sign of signs) {
          assert.ok(
            problems.some((problem) => sign.test(problem)),
            `${sign} is not in ${JSON.stringify(problems)}`,
          )
        }
      })
    }

    test('may say again what was asked: that betrays nothing', async () => {
      assert.deepEqual((await attack('repeats what was asked')).problems, [])
    })

    test('are all tried: an operation without a call fails the check', async () => {
      const [first, ...rest] = Object.entries(calls)
      assert.equal(first?.[0], 'createNote')
      const routes = noteRoutes(database.db, null)
      await using node = await openNode(database, { routes: () => routes })
      const url = await node.http.listen()
      const document = await openapiDocument({ title: 'Notes', version: '1', routes, schemes: [node.keys.scheme] })
      const client = async () => new TestClient(url, await node.key(database.pooled))
      await assert.rejects(
        tryRouteIsolation({
          ...{ document, calls: Object.fromEntries(rest), victim: database.pooled, db: () => database.db },
          ...{ asVictim: client, asIntruder: client },
        }),
        /there is no call of createNote/,
      )
    })
  })
}
