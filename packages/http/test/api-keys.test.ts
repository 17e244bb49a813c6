import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Database } from '@stoa/db'
import { newId } from '@stoa/kernel'
import { engines, eventually, inTime, TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { apiKeysByPrefix } from '../src/api-key-store.ts'
import { mintToken, prefixOf } from '../src/api-key-token.ts'
import { defineRoute } from '../src/index.ts'
import { type HttpDatabase, type Node, noted, openDatabase, openNode, ownerCtx, send } from './setup.ts'

const readNotes = defineRoute({
  method: 'GET',
  url: '/notes',
  operationId: 'readNotes',
  tags: ['test'],
  summary: 'Says who asks',
  permission: 'notes:read',
  schema: { response: { 200: Type.Object({ tenant: Type.String(), actor: Type.String() }) } },
  handler: (ctx) => ({ tenant: ctx.tenant.slug, actor: `${ctx.actor.type}:${ctx.actor.id}` }),
})

/** Writes when the caller is gone. */
function writeLate({ db, journal }: Pick<Node, 'journal'> & { readonly db: Database }, began: () => void) {
  return defineRoute({
    method: 'POST',
    url: '/late',
    operationId: 'writeLate',
    tags: ['test'],
    summary: 'Writes when the caller is gone',
    permission: 'notes:write',
    schema: { response: { 204: Type.Null() } },
    async handler(ctx) {
      const gone = once(ctx.signal as AbortSignal, 'abort')
      began()
      await gone
      await db.transaction(ctx, async (tx) => journal.append(ctx, tx, noted.of({ text: 'late' }, ['note:late'])))
      return null
    },
  })
}

for (const engine of engines) {
  describe(`API keys (${engine})`, () => {
    let database: HttpDatabase
    let node: Node
    let owner: string
    const clock = new TestClock()

    before(async () => {
      database = await openDatabase(engine)
      node = await openNode(database, { routes: () => [readNotes], clock })
      owner = await node.key(database.pooled)
    })
    after(async () => {
      await node?.[Symbol.asyncDispose]()
      await database?.[Symbol.asyncDispose]()
    })

    const create = (key: string, body: object) =>
      node.send(key, { method: 'POST', url: '/api/v1/api-keys', payload: body })
    const read = (key: string | null) => node.send(key, { url: '/notes' })
    const etagOf = async (id: string) => (await node.send(owner, { url: `/api/v1/api-keys/${id}` })).headers.etag ?? ''

    test('a key is shown once, and works at once', async () => {
      const made = await create(owner, { name: 'Console', scopes: ['notes:read'] })
      assert.equal(made.status, 201, made.text)
      const { apiKey, key } = made.body
      assert.match(key, /^stoa_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}$/)
      assert.equal(made.headers.location, `/api/v1/api-keys/${apiKey.id}`)
      assert.deepEqual((await read(key)).body, { tenant: 'pooled', actor: `apiKey:${apiKey.id}` })
      const shown = await node.send(owner, { url: `/api/v1/api-keys/${apiKey.id}` })
      assert.equal(shown.status, 200, shown.text)
      assert.ok(!shown.text.includes(key.slice(-32)))
      assert.equal(shown.body.prefix, key.slice(0, 21))
    })

    test('what is stored is a keyed hash, not the key', async () => {
      const token = await node.key(database.pooled)
      const [row] = await database.db.systemRead(ownerCtx(database.pooled), (tx) =>
        tx.many(apiKeysByPrefix(prefixOf(token))),
      )
      assert.equal(row?.hash.length, 32)
      assert.ok(!row?.hash.toString('latin1').includes(token))
    })

    test('without a key, with a broken, a wrong or an unknown one: 401 with a challenge', async () => {
      const token = await node.key(database.pooled)
      const wrongSecret = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`
      for (const bad of [
        null,
        '',
        'stoa_short',
        `${token}x`,
        token.slice(0, -1),
        wrongSecret,
        mintToken(),
        token.toUpperCase(),
      ]) {
        const answer = await read(bad)
        assert.equal(answer.status, 401, `${bad}: ${answer.text}`)
        assert.equal(answer.body.code, 'unauthenticated')
        assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/)
      }
      const basic = await node.send(null, { url: '/notes', headers: { authorization: `Basic ${token}` } })
      assert.equal(basic.status, 401)
    })

    test('X-Api-Key does the same as Authorization', async () => {
      const token = await node.key(database.pooled)
      assert.equal((await node.send(null, { url: '/notes', headers: { 'x-api-key': token } })).status, 200)
      assert.equal((await node.send(null, { url: '/notes', headers: { 'x-api-key': 'nonsense' } })).status, 401)
    })

    test('a key does what its scopes allow and nothing else', async () => {
      for (const [scopes, status] of [
        [['notes:read'], 200],
        [['notes:*'], 200],
        [['*'], 200],
        [['notes:write'], 403],
        [['apiKeys:*'], 403],
      ] as const) {
        const token = await node.key(database.pooled, scopes)
        const answer = await read(token)
        assert.equal(answer.status, status, scopes.join())
        if (status === 403) assert.match(answer.body.detail, /notes:read/)
      }
    })

    test('a key cannot give more than it has', async () => {
      const limited = await node.key(database.pooled, ['apiKeys:*', 'notes:read'])
      assert.equal((await create(limited, { name: 'a', scopes: ['notes:read', 'apiKeys:read'] })).status, 201)
      for (const scopes of [['*'], ['notes:*'], ['notes:write'], ['notes:read', '*']]) {
        const answer = await create(limited, { name: 'a', scopes })
        assert.equal(answer.status, 403, scopes.join())
        assert.equal(answer.body.code, 'forbidden')
      }
    })

    test('a key cannot be changed by somebody who does not hold all of its scopes', async () => {
      const limited = await node.key(database.pooled, ['apiKeys:*', 'notes:read'])
      const strong = (await create(owner, { name: 'strong', scopes: ['*'] })).body.apiKey
      const rename = { method: 'PATCH', url: `/api/v1/api-keys/${strong.id}`, payload: { name: 'mine' } } as const
      const answer = await node.send(limited, { ...rename, headers: { 'if-match': '*' } })
      assert.equal(answer.status, 403)
      assert.equal((await node.send(owner, { ...rename, headers: { 'if-match': '*' } })).status, 200)
    })

    test('scopes that do not exist are refused, with what was meant', async () => {
      const answer = await create(owner, { name: 'a', scopes: ['notes:read', 'notes:raed', 'nothing:*'] })
      assert.equal(answer.status, 422)
      assert.deepEqual(
        answer.body.errors.map((error: { pointer: string }) => error.pointer),
        ['/body/scopes/1', '/body/scopes/2'],
      )
      assert.match(answer.body.errors[0].message, /did you mean 'notes:read'/)
      for (const scopes of [
        [],
        ['notes'],
        ['NOTES:read'],
        ['notes:read', 'notes:read'],
        [''],
        ['*:read'],
        'notes:read',
      ]) {
        assert.equal((await create(owner, { name: 'a', scopes })).status, 422, JSON.stringify(scopes))
      }
    })

    test('a key that has expired is refused, also when it was in use a moment ago', async () => {
      const expiresAt = new Date(clock.now() + 5000).toISOString()
      const { key } = (await create(owner, { name: 'short', scopes: ['notes:read'], expiresAt })).body
      assert.equal((await read(key)).status, 200)
      await clock.advance(4999)
      assert.equal((await read(key)).status, 200)
      await clock.advance(1)
      const answer = await read(key)
      assert.equal(answer.status, 401)
      assert.match(answer.body.detail, /expired/)
      const past = await create(owner, {
        name: 'past',
        scopes: ['notes:read'],
        expiresAt: new Date(clock.now()).toISOString(),
      })
      assert.equal(past.status, 422)
      assert.equal(past.body.errors[0].pointer, '/body/expiresAt')
    })

    test('a revoked key is refused at once, and stays in the list', async () => {
      const { key, apiKey } = (await create(owner, { name: 'gone', scopes: ['notes:read'] })).body
      assert.equal((await read(key)).status, 200)
      const url = `/api/v1/api-keys/${apiKey.id}`
      assert.equal((await node.send(owner, { method: 'DELETE', url })).status, 204)
      assert.equal((await read(key)).status, 401)
      assert.equal((await node.send(owner, { method: 'DELETE', url })).status, 204)
      const shown = await node.send(owner, { url })
      assert.equal(typeof shown.body.revokedAt, 'string')
      const change = await node.send(owner, {
        method: 'PATCH',
        url,
        headers: { 'if-match': '*' },
        payload: { name: 'x' },
      })
      assert.equal(change.status, 409)
      assert.equal(change.body.code, 'api_key_revoked')
    })

    test('a key may revoke itself', async () => {
      const { key, apiKey } = (await create(owner, { name: 'self', scopes: ['apiKeys:write'] })).body
      const url = `/api/v1/api-keys/${apiKey.id}`
      assert.equal((await node.send(key, { method: 'DELETE', url })).status, 204)
      assert.equal((await node.send(key, { method: 'DELETE', url })).status, 401)
    })

    test('a change of scopes is in force at once', async () => {
      const { key, apiKey } = (await create(owner, { name: 'less', scopes: ['notes:*'] })).body
      assert.equal((await read(key)).status, 200)
      const changed = await node.send(owner, {
        method: 'PATCH',
        url: `/api/v1/api-keys/${apiKey.id}`,
        headers: { 'if-match': await etagOf(apiKey.id) },
        payload: { scopes: ['notes:write'] },
      })
      assert.equal(changed.status, 200, changed.text)
      assert.equal(changed.body.version, 2)
      assert.equal((await read(key)).status, 403)
    })

    test('a change needs If-Match: 428 without, 412 when stale, `*` for any', async () => {
      const { apiKey } = (await create(owner, { name: 'one', scopes: ['notes:read'] })).body
      const change = (headers: Record<string, string>) =>
        node.send(owner, { method: 'PATCH', url: `/api/v1/api-keys/${apiKey.id}`, headers, payload: { name: 'two' } })
      assert.equal((await change({})).status, 428)
      assert.equal((await change({ 'if-match': '"7"' })).status, 412)
      assert.equal((await change({ 'if-match': 'W/"1"' })).status, 412)
      assert.equal((await change({ 'if-match': 'nonsense' })).status, 400)
      assert.equal((await change({ 'if-match': '"9", "1"' })).headers.etag, '"2"')
      assert.equal((await change({ 'if-match': '"1"' })).status, 412)
      assert.equal((await change({ 'if-match': '*' })).headers.etag, '"3"')
    })

    test('GET answers 304 to whoever has the version already', async () => {
      const { apiKey } = (await create(owner, { name: 'one', scopes: ['notes:read'] })).body
      const get = (tag: string) =>
        node.send(owner, { url: `/api/v1/api-keys/${apiKey.id}`, headers: { 'if-none-match': tag } })
      for (const tag of ['"1"', 'W/"1"', '"5", "1"', '*']) {
        const answer = await get(tag)
        assert.equal(answer.status, 304, tag)
        assert.equal(answer.text, '')
        assert.equal(answer.headers.etag, '"1"')
      }
      assert.equal((await get('"2"')).status, 200)
    })

    test('another tenant sees and changes none of them: 404', async () => {
      const stranger = await node.key(database.neighbour)
      const { apiKey } = (await create(owner, { name: 'ours', scopes: ['notes:read'] })).body
      const url = `/api/v1/api-keys/${apiKey.id}`
      assert.equal((await node.send(stranger, { url })).status, 404)
      assert.equal((await node.send(stranger, { method: 'DELETE', url })).status, 404)
      const change = { method: 'PATCH', url, headers: { 'if-match': '*' }, payload: { name: 'theirs' } } as const
      assert.equal((await node.send(stranger, change)).status, 404)
      const listed = await node.send(stranger, { url: '/api/v1/api-keys?limit=100' })
      assert.ok(!listed.text.includes(apiKey.id))
      assert.equal((await node.send(owner, { url: `/api/v1/api-keys/${newId()}` })).status, 404)
    })

    test('the list goes by pages in both directions, and its cursor is of no use to another tenant', async () => {
      const keys: string[] = []
      const stranger = await node.key(database.neighbour)
      for (let index = 0; index < 5; index++) {
        keys.push((await create(stranger, { name: `k${index}`, scopes: ['notes:read'] })).body.apiKey.id)
      }
      const seen: string[] = []
      let cursor = ''
      do {
        const page = await node.send(stranger, {
          url: `/api/v1/api-keys?limit=2&sort=createdAt${cursor && `&cursor=${cursor}`}`,
        })
        assert.equal(page.status, 200, page.text)
        seen.push(...page.body.data.map((key: { id: string }) => key.id))
        cursor = page.body.nextCursor ?? ''
        if (cursor) {
          const theft = await node.send(owner, { url: `/api/v1/api-keys?limit=2&sort=createdAt&cursor=${cursor}` })
          assert.equal(theft.body.code, 'invalid_cursor')
        }
      } while (cursor)
      assert.deepEqual(seen.slice(-5), keys)
      assert.equal(new Set(seen).size, seen.length)
      const newest = await node.send(stranger, { url: '/api/v1/api-keys?limit=3' })
      assert.deepEqual(
        newest.body.data.map((key: { id: string }) => key.id),
        keys.slice(-3).reverse(),
      )
      const revoked = await node.send(stranger, { url: '/api/v1/api-keys?revoked=true' })
      assert.deepEqual(revoked.body, { data: [], nextCursor: null })
    })

    test('the use of a key is noted once a minute, later and together', async () => {
      const one = (await create(owner, { name: 'one', scopes: ['notes:read'] })).body
      const other = (await create(owner, { name: 'other', scopes: ['notes:read'] })).body
      const lastUsedAt = async ({ apiKey }: { apiKey: { id: string } }) =>
        (await node.send(owner, { url: `/api/v1/api-keys/${apiKey.id}` })).body.lastUsedAt
      /** Time passes for as long as it takes: whoever writes may just be busy with the uses of before. */
      const written = async (key: typeof one) => {
        const later = async () => {
          await clock.advance(10_000)
          return await lastUsedAt(key)
        }
        return await eventually(later, (shown) => shown !== null && shown >= begun)
      }
      const begunMs = clock.now()
      const begun = new Date(begunMs).toISOString()
      await read(one.key)
      assert.equal(await lastUsedAt(one), null)
      assert.equal(await written(one), begun)
      // However long that took: it is twenty seconds later, and the second use of one of them is not worth a note.
      clock.set(begunMs + 20_000)
      await read(one.key)
      await read(other.key)
      assert.equal(await written(other), new Date(begunMs + 20_000).toISOString())
      assert.equal(await lastUsedAt(one), begun)
      clock.set(begunMs + 80_000)
      await read(one.key)
      await read(other.key)
      await eventually(async () => {
        await clock.advance(10_000)
        return (await lastUsedAt(other)) > new Date(begunMs + 79_000).toISOString()
      })
      assert.equal(await lastUsedAt(one), new Date(begunMs + 80_000).toISOString())
    })

    test('who guesses keys is soon refused unheard, one after the other or all at once, though others are not', async () => {
      const guess = (ip: string) => node.send(mintToken(), { url: '/notes', remoteAddress: ip })
      const statuses = async (ip: string, count: number) => {
        const answers = await Promise.all(Array.from({ length: count }, () => guess(ip)))
        return answers.filter(({ status }) => status === 429).length
      }
      assert.equal(await statuses('198.51.100.7', 300), 200)
      let refused = 0
      for (let index = 0; index < 110; index++) if ((await guess('198.51.100.9')).status === 429) refused++
      assert.equal(refused, 10)
      assert.equal((await guess('198.51.100.8')).status, 401)
      await clock.advance(60_000)
      assert.equal((await guess('198.51.100.7')).status, 401)
    })

    test('good keys that are not known yet are no guesses, however many there are', async () => {
      const keys = await Promise.all(
        Array.from(
          { length: 5 },
          async (_, n) => (await create(owner, { name: `many ${n}`, scopes: ['notes:read'] })).body.key,
        ),
      )
      for (let round = 0; round < 25; round++) {
        // Each round they have been forgotten, and are looked up again.
        await clock.advance(15_000)
        const answers = await Promise.all(
          keys.map((key) => node.send(key, { url: '/notes', remoteAddress: '198.51.100.10' })),
        )
        assert.ok(answers.every(({ status }) => status === 200))
      }
    })

    test('every change is in the journal', async () => {
      const { apiKey } = (await create(owner, { name: 'traced', scopes: ['notes:read'] })).body
      const url = `/api/v1/api-keys/${apiKey.id}`
      await node.send(owner, { method: 'PATCH', url, headers: { 'if-match': '*' }, payload: { name: 'renamed' } })
      await node.send(owner, { method: 'DELETE', url })
      const trail = await node.journal.audit(ownerCtx(database.pooled), { subject: `api_key:${apiKey.id}`, limit: 10 })
      const types = trail.events.map((event: { type: string }) => event.type)
      assert.deepEqual([...types].sort(), ['api_key.created', 'api_key.revoked', 'api_key.updated'])
      assert.ok(!JSON.stringify(trail).includes('hash'))
    })

    test('every change says where the request came from: by trusted proxies alone, and of the user agent a label', async () => {
      await using proxied = await openNode(database, { clock, options: { trustedProxies: ['127.0.0.1'] } })
      const from = (open: Node, forwarded: string, userAgent?: string) =>
        open.send(owner, {
          ...{ method: 'POST', url: '/api/v1/api-keys', payload: { name: 'placed', scopes: ['notes:read'] } },
          headers: { 'x-forwarded-for': forwarded, ...(userAgent !== undefined && { 'user-agent': userAgent }) },
        })
      const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
      const hostile = `${'<script>'.repeat(1_500)} Firefox/1`
      const cases = [
        [node, '203.0.113.7', firefox, '127.0.0.0/24', 'Firefox on Linux'],
        [proxied, '203.0.113.7', firefox, '203.0.113.0/24', 'Firefox on Linux'],
        // What the caller wrote itself stands before what the proxy adds.
        [proxied, '198.51.100.1, 2001:db8:1:2::3', 'curl/8.5.0', '2001:db8:1::/48', 'curl'],
        [proxied, 'nowhere', hostile, '', 'unknown'],
      ] as const
      for (const [open, forwarded, userAgent, addressPrefix, device] of cases) {
        const made = await from(open, forwarded, userAgent)
        assert.equal(made.status, 201, made.text)
        const subject = `api_key:${made.body.apiKey.id}`
        const [event] = (await node.journal.audit(ownerCtx(database.pooled), { subject })).events
        assert.deepEqual(event?.place, { addressPrefix, device }, forwarded)
        assert.equal(event?.requestId, made.headers['x-request-id'])
      }
      // Nobody asked by a request: a command.
      const { apiKey } = await node.keys.create(ownerCtx(database.pooled), {
        ...{ name: 'by hand', scopes: ['notes:read'], expiresAt: null },
      })
      const trail = await node.journal.audit(ownerCtx(database.pooled), { subject: `api_key:${apiKey.id}` })
      assert.deepEqual(
        trail.events.map(({ place }) => place),
        [null],
      )
    })

    test('who hangs up right after asking has asked from somewhere', async () => {
      const began = Promise.withResolvers<void>()
      await using open = await openNode(database, { clock, routes: (its) => [writeLate(its, began.resolve)] })
      const { hostname, port } = new URL(await open.http.listen())
      // A key that is known asks nobody for its address.
      assert.equal((await open.send(owner, { url: '/api/v1/api-keys' })).status, 200)
      const socket = connect(Number(port), hostname).on('error', () => undefined)
      socket.write(`POST /late HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${owner}\r\ncontent-length: 0\r\n\r\n`)
      await inTime(began.promise, 'the request')
      socket.resetAndDestroy()
      const read = async () => (await open.journal.audit(ownerCtx(database.pooled), { subject: 'note:late' })).events
      const [event] = await eventually(read, ({ length }) => length === 1)
      assert.deepEqual(event?.place, { addressPrefix: '127.0.0.0/24', device: 'unknown' })
    })

    test('a revocation on one node is heard on another that had the key in memory', async () => {
      await using other = await openNode(database, { routes: () => [readNotes], clock })
      const { key, apiKey } = (await create(owner, { name: 'far', scopes: ['notes:read'] })).body
      assert.equal((await send(other.http, key, { url: '/notes' })).status, 200)
      await node.send(owner, { method: 'DELETE', url: `/api/v1/api-keys/${apiKey.id}` })
      // Hints of the two nodes are not connected: the tail finds it by its poll, well before the key is forgotten by
      // itself, after ten seconds. It may not sleep yet when the first second goes by.
      let asked = 0
      await eventually(async () => {
        if (asked % 10 === 0 && asked < 90) await clock.advance(1000)
        asked += 1
        return (await send(other.http, key, { url: '/notes' })).status === 401
      })
    })

    test('a node that hears nothing forgets a revoked key after ten seconds', async () => {
      await using other = await openNode(database, { routes: () => [readNotes], clock })
      const { key, apiKey } = (await create(owner, { name: 'deaf', scopes: ['notes:read'] })).body
      // From here on it hears nothing, not of the key's creation either: what it is told now it remembers.
      await other.keys[Symbol.asyncDispose]()
      assert.equal((await send(other.http, key, { url: '/notes' })).status, 200)
      await node.send(owner, { method: 'DELETE', url: `/api/v1/api-keys/${apiKey.id}` })
      assert.equal((await send(other.http, key, { url: '/notes' })).status, 200)
      await clock.advance(10_000)
      assert.equal((await send(other.http, key, { url: '/notes' })).status, 401)
    })
  })
}
