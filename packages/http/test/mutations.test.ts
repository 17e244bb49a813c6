import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { statement, type TenantRecord } from '@stoa/db'
import { errors, newId, StoaError, silentLogger } from '@stoa/kernel'
import { engines, TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { Idempotency } from '../src/idempotency.ts'
import { defineRoute, etag, IdParams, type Route } from '../src/index.ts'
import { KEPT_MS } from '../src/key-slot.ts'
import {
  type Answer,
  type HttpDatabase,
  type Node,
  noted,
  openDatabase,
  openNode,
  ownerCtx,
  send,
  testSecret,
} from './setup.ts'

const noteAdded = statement<
  [tenantId: string, id: string, text: string],
  { id: string; text: string; version: number }
>('insert into notes (tenant_id, id, text, version) values ($1, $2, $3, 1) returning id, text, version')
const noteList = statement<[], { text: string }>('select text from notes order by text')
const keyCount = statement<[], { count: number }>('select count(*)::int as count from stoa.idempotency_keys')
const keyBodies = statement<[], { body: Buffer | null }>('select body from stoa.idempotency_keys')
const quotient = statement<[divisor: number], { quotient: number }>('select 6 / $1::int as quotient')
const backendPid = statement<[], { pid: number }>('select pg_backend_pid() as pid')

const Note = Type.Object({ id: Type.String(), text: Type.String(), version: Type.Integer() })

/** What the handlers of a test are told to do meanwhile. */
interface Plan {
  /** What the first statement of `divide` divides by. */
  divisor: number
  /** Awaited inside of the transaction, after the write. */
  hold: Promise<void> | null
  /** Resolved when the handler has written and waits. */
  held: (() => void) | null
  failAfterWrite: boolean
  unwritable: boolean
}

for (const engine of engines) {
  describe(`mutating routes (${engine})`, () => {
    let database: HttpDatabase
    let node: Node
    let key: string
    let placedKey: string
    const clock = new TestClock()
    const plan: Plan = { divisor: 1, hold: null, held: null, failAfterWrite: false, unwritable: false }

    const routes = ({ db, journal }: Pick<Node, 'journal'> & Pick<HttpDatabase, 'db'>): Route[] => [
      defineRoute({
        method: 'POST',
        url: '/notes',
        operationId: 'createNote',
        tags: ['test'],
        summary: 'Writes a note',
        permission: 'notes:write',
        schema: {
          body: Type.Object({ text: Type.String(), more: Type.Optional(Type.Any()) }),
          response: { 201: Note },
        },
        async handler(ctx, { body }, reply) {
          const note = await db.transaction(ctx, async (tx) => {
            const row = await tx.one(noteAdded(ctx.tenant.id, newId(), body.text))
            journal.append(ctx, tx, noted.of({ text: body.text }, [`note:${row.id}`]))
            return row
          })
          plan.held?.()
          await plan.hold
          if (plan.failAfterWrite) throw new StoaError(errors.conflict, { message: 'Not today.' })
          reply.header('location', `/notes/${note.id}`)
          reply.header('etag', etag(note.version))
          return plan.unwritable ? ({ id: note.id } as typeof note) : note
        },
      }),
      defineRoute({
        method: 'POST',
        url: '/secrets',
        operationId: 'createSecret',
        tags: ['test'],
        summary: 'Gives a secret out once',
        permission: 'notes:write',
        secretResponse: true,
        schema: { response: { 200: Type.Object({ secret: Type.String() }) } },
        handler: () => ({ secret: `hush-${newId()}` }),
      }),
      defineRoute({
        method: 'DELETE',
        url: '/notes/:id',
        operationId: 'deleteNote',
        tags: ['test'],
        summary: 'Deletes nothing',
        permission: 'notes:write',
        schema: { params: IdParams, response: { 204: Type.Null() } },
        handler: () => null,
      }),
      defineRoute({
        method: 'POST',
        url: '/divisions',
        operationId: 'divide',
        tags: ['test'],
        summary: 'Fails by its first statement when it is told to',
        permission: 'notes:write',
        schema: { response: { 200: Type.Object({ quotient: Type.Integer() }) } },
        handler: (ctx) => db.transaction(ctx, (tx) => tx.one(quotient(plan.divisor))),
      }),
      defineRoute({
        method: 'POST',
        url: '/pids',
        operationId: 'comparePids',
        tags: ['test'],
        summary: 'Says whether two transactions of a handler are one',
        permission: 'notes:write',
        schema: { response: { 200: Type.Object({ joined: Type.Boolean(), read: Type.Boolean() }) } },
        async handler(ctx) {
          const first = await db.transaction(ctx, async (tx) => ({ tx, ...(await tx.one(backendPid())) }))
          const second = await db.transaction(ctx, async (tx) => ({ tx, ...(await tx.one(backendPid())) }))
          const read = await db.read(ctx, async (tx) => tx)
          return { joined: first.tx === second.tx && first.pid === second.pid, read: read === first.tx }
        },
      }),
    ]

    before(async () => {
      database = await openDatabase(engine)
      node = await openNode(database, { routes, clock })
      key = await node.key(database.pooled)
      placedKey = await node.key(database.placed)
    })
    after(async () => {
      await node?.[Symbol.asyncDispose]()
      await database?.[Symbol.asyncDispose]()
    })

    const post = (idempotencyKey: string | null, text: string, more: { with?: string; url?: string; on?: Node } = {}) =>
      send((more.on ?? node).http, more.with ?? key, {
        method: 'POST',
        url: more.url ?? '/notes',
        headers: idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey },
        payload: { text },
      })
    const texts = async (tenant: TenantRecord) =>
      (await database.db.read(ownerCtx(tenant), (tx) => tx.many(noteList()))).map((note) => note.text)
    const countOf = async (text: string) => (await texts(database.pooled)).filter((other) => other === text).length
    const kept = async () => (await database.db.read(ownerCtx(database.pooled), (tx) => tx.one(keyCount()))).count

    /** The handler of the next request waits inside of its transaction until `go` is called. */
    function holdNext(): { held: Promise<void>; go: () => void } {
      const held = Promise.withResolvers<void>()
      const hold = Promise.withResolvers<void>()
      plan.held = held.resolve
      plan.hold = hold.promise
      return {
        held: held.promise,
        go() {
          plan.held = null
          plan.hold = null
          hold.resolve()
        },
      }
    }

    test('a kept answer is given again even when the first statement of the handler would now fail', async () => {
      const ask = () => node.send(key, { method: 'POST', url: '/divisions', headers: { 'idempotency-key': 'six' } })
      plan.divisor = 2
      assert.deepEqual((await ask()).body, { quotient: 3 })
      plan.divisor = 0
      const again = await ask()
      assert.deepEqual([again.status, again.body], [200, { quotient: 3 }], again.text)
      assert.equal(again.headers['idempotent-replayed'], 'true')
    })

    test('verbs of a handler join the one transaction of the request, reads too', async () => {
      const answer = await node.send(key, { method: 'POST', url: '/pids' })
      assert.deepEqual(answer.body, { joined: true, read: true }, answer.text)
    })

    test('what was written is undone, event and all, when the handler fails afterwards', async () => {
      plan.failAfterWrite = true
      const answer = await post(null, 'undone')
      plan.failAfterWrite = false
      assert.equal(answer.status, 409)
      assert.equal(answer.body.detail, 'Not today.')
      assert.equal(answer.headers.location, undefined)
      assert.equal(await countOf('undone'), 0)
      const { events } = await node.journal.audit(ownerCtx(database.pooled), { type: 'note.written', limit: 100 })
      assert.ok(!JSON.stringify(events).includes('undone'))
    })

    test('an answer that cannot be written did not happen', async () => {
      plan.unwritable = true
      const answer = await post('unwritable', 'unwritable')
      plan.unwritable = false
      assert.equal(answer.status, 500)
      assert.equal(answer.body.code, 'internal')
      assert.equal(await countOf('unwritable'), 0)
    })

    test('the same request with the same key is carried out once and answered alike', async () => {
      const first = await post('once', 'once')
      assert.equal(first.status, 201, first.text)
      assert.equal(first.headers['idempotent-replayed'], undefined)
      const again = await post('once', 'once')
      assert.equal(again.headers['idempotent-replayed'], 'true')
      assert.deepEqual(
        [again.status, again.text, again.headers.location, again.headers.etag, again.headers['content-type']],
        [first.status, first.text, first.headers.location, first.headers.etag, first.headers['content-type']],
      )
      assert.equal(await countOf('once'), 1)
    })

    test('the order of the fields of the body does not make it another request', async () => {
      const sendText = (payload: string) =>
        node.send(key, {
          method: 'POST',
          url: '/notes',
          headers: { 'idempotency-key': 'order', 'content-type': 'application/json' },
          payload,
        })
      await sendText('{"text":"order","more":{"a":1,"b":[1,2]}}')
      const again = await sendText('{ "more": {"b": [1,2], "a": 1}, "text": "order" }')
      assert.equal(again.headers['idempotent-replayed'], 'true', again.text)
      assert.equal((await sendText('{"text":"order","more":{"a":1,"b":[2,1]}}')).body.code, 'idempotency_key_reused')
    })

    test('the same key with another body, another path or another method is 422', async () => {
      await post('reused', 'first')
      for (const answer of [
        await post('reused', 'second'),
        await post('reused', 'first', { url: '/secrets' }),
        await post('reused', 'first', { url: '/notes?x=1' }),
        await node.send(key, { method: 'DELETE', url: `/notes/${newId()}`, headers: { 'idempotency-key': 'reused' } }),
      ]) {
        assert.equal(answer.status, 422, answer.text)
      }
      assert.equal((await post('reused', 'second')).body.code, 'idempotency_key_reused')
      assert.equal(await countOf('second'), 0)
    })

    test('two at once: the second is 409 with Retry-After, and replays when the first is done', async () => {
      const { held, go } = holdNext()
      const first = post('twice', 'twice')
      await held
      const second = await post('twice', 'twice')
      assert.equal(second.status, 409, second.text)
      assert.equal(second.body.code, 'idempotency_in_progress')
      assert.equal(second.headers['retry-after'], '1')
      go()
      assert.equal((await first).status, 201)
      assert.equal((await post('twice', 'twice')).headers['idempotent-replayed'], 'true')
      assert.equal(await countOf('twice'), 1)
    })

    test('fifty at once on two nodes: one is carried out, each of the others is 409 or its replay', async () => {
      await using other = await openNode(database, { routes, clock })
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => post('fifty', 'fifty', { on: index % 2 ? other : node })),
      )
      const done = answers.filter((answer) => answer.status === 201)
      const original = done.filter((answer) => answer.headers['idempotent-replayed'] === undefined)
      assert.equal(original.length, 1)
      assert.ok(
        answers.every((answer: Answer) => answer.status === 201 || answer.body.code === 'idempotency_in_progress'),
      )
      assert.ok(done.every((answer) => answer.text === original[0]?.text))
      assert.equal(await countOf('fifty'), 1)
    })

    test('two at once on two nodes: the lock tells the second one; with one connection it waits and replays', async () => {
      await using other = await openNode(database, { routes, clock })
      const { held, go } = holdNext()
      const first = post('nodes', 'nodes')
      await held
      const second = post('nodes', 'nodes', { on: other })
      if (engine === 'postgres') assert.equal((await second).body.code, 'idempotency_in_progress')
      go()
      assert.equal((await first).status, 201)
      if (engine === 'pglite') assert.equal((await second).headers['idempotent-replayed'], 'true')
    })

    test('a request that failed kept nothing: the same key tries again', async () => {
      plan.failAfterWrite = true
      assert.equal((await post('retry', 'retry')).status, 409)
      plan.failAfterWrite = false
      const again = await post('retry', 'retry')
      assert.equal(again.status, 201)
      assert.equal(again.headers['idempotent-replayed'], undefined)
      assert.equal(await countOf('retry'), 1)
    })

    test('a request that is not valid keeps nothing: mended, it passes with the same key', async () => {
      const broken = await node.send(key, {
        method: 'POST',
        url: '/notes',
        headers: { 'idempotency-key': 'mended' },
        payload: { text: 5 },
      })
      assert.equal(broken.status, 422)
      assert.equal((await post('mended', 'mended')).status, 201)
    })

    test('a key belongs to who used it: another caller, or another tenant, has keys of its own', async () => {
      await post('shared', 'mine')
      const colleague = await node.key(database.pooled)
      const theirs = await post('shared', 'theirs', { with: colleague })
      assert.equal(theirs.status, 201)
      const stranger = await post('shared', 'elsewhere', { with: placedKey })
      assert.equal(stranger.status, 201)
      assert.deepEqual(await texts(database.placed), ['elsewhere'])
      assert.equal((await post('shared', 'elsewhere', { with: placedKey })).headers['idempotent-replayed'], 'true')
    })

    test('an answer without a body is kept too', async () => {
      const url = `/notes/${newId()}`
      const remove = () => node.send(key, { method: 'DELETE', url, headers: { 'idempotency-key': 'gone' } })
      assert.equal((await remove()).status, 204)
      const again = await remove()
      assert.deepEqual([again.status, again.text, again.headers['idempotent-replayed']], [204, '', 'true'])
    })

    test('an answer that holds a secret is kept encrypted', async () => {
      const first = await post('secret', '', { url: '/secrets' }).then(() =>
        node.send(key, { method: 'POST', url: '/secrets', headers: { 'idempotency-key': 'hush' } }),
      )
      assert.match(first.body.secret, /^hush-/)
      const again = await node.send(key, { method: 'POST', url: '/secrets', headers: { 'idempotency-key': 'hush' } })
      assert.equal(again.headers['idempotent-replayed'], 'true')
      assert.equal(again.text, first.text)
      const bodies = await database.db.read(ownerCtx(database.pooled), (tx) => tx.many(keyBodies()))
      assert.ok(bodies.every(({ body }) => !body?.includes('hush-')))
    })

    test('a key is 1 to 255 visible ASCII characters, anything else is 400', async () => {
      for (const bad of ['x'.repeat(256), 'with space', 'ünïcode', '\u007f']) {
        const answer = await post(bad, 'bad')
        assert.equal(answer.status, 400, bad)
        assert.equal(answer.body.code, 'invalid_request')
      }
      assert.equal((await post('x'.repeat(255), 'long')).status, 201)
      assert.equal((await post("'; drop table stoa.idempotency_keys; --".replaceAll(' ', '_'), 'sql')).status, 201)
    })

    test('without a key nothing is kept', async () => {
      const before = await kept()
      assert.equal((await post(null, 'plain')).status, 201)
      assert.equal((await post(null, 'plain')).status, 201)
      assert.equal(await kept(), before)
      assert.equal(await countOf('plain'), 2)
    })

    test('an answer is kept for 24 hours, and then the key is free again', async () => {
      const first = await post('day', 'day')
      clock.set(clock.now() + KEPT_MS - 1)
      assert.equal((await post('day', 'day')).text, first.text)
      clock.set(clock.now() + 1)
      const anew = await post('day', 'day')
      assert.equal(anew.headers['idempotent-replayed'], undefined, anew.text)
      assert.notEqual(anew.text, first.text)
    })

    test('old answers of all tenants are swept, those of the last 24 hours stay', async () => {
      const { db } = database
      await using idempotency = new Idempotency({ db, clock, log: silentLogger, secret: testSecret('sweep') })
      clock.set(clock.now() + KEPT_MS + 1)
      await post('fresh', 'fresh')
      assert.ok((await idempotency.sweep()) >= 10)
      assert.equal(await kept(), 1)
      assert.equal(await idempotency.sweep(), 0)
      assert.equal((await post('fresh', 'fresh')).headers['idempotent-replayed'], 'true')
    })
  })
}
