import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isId, type Logger, silentLogger } from '@stoa/kernel'
import { TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { type AuthScheme, defineRoute, type HttpOptions, type RateLimit, type UnreadForwarding } from '../src/index.ts'
import { openApp, send } from './setup.ts'

const whoami = defineRoute({
  method: 'GET',
  url: '/whoami',
  operationId: 'whoAmI',
  tags: ['test'],
  summary: 'Says who asks',
  permission: null,
  schema: {
    response: {
      200: Type.Object({
        ip: Type.String(),
        host: Type.String(),
        requestId: Type.String(),
        traceId: Type.Union([Type.String(), Type.Null()]),
      }),
    },
  },
  handler: ({ requestId, traceId }, { ip, host }) => ({ ip, host, requestId, traceId }),
})

const keyed = (operationId: string, rateLimit?: RateLimit) =>
  defineRoute({
    method: 'GET',
    url: `/${operationId}`,
    operationId,
    tags: ['test'],
    summary: 'Answers',
    permission: 'test:read',
    ...(rateLimit && { rateLimit }),
    schema: { response: { 204: Type.Null() } },
    handler: () => null,
  })

const tenant = { id: '019b76da-a800-7000-8000-000000000000', slug: 'test', schema: 'stoa_pool' }

/** `Bearer <name>`: everybody with a name may do everything; `big` has a bucket of its own size. */
const scheme: AuthScheme = {
  name: 'test',
  openapi: { type: 'http', scheme: 'bearer' },
  challenge: 'Bearer realm="test"',
  authenticate({ headers }) {
    const name = headers.authorization?.slice(7)
    if (name === undefined) return null
    return {
      ...{ actor: { type: 'person', id: name }, tenant, permissions: new Set(['*']), limitKey: name },
      ...(name === 'big' && { rateLimit: BIG }),
    }
  },
}
const BIG = { capacity: 50, refillPerSecond: 1 }

async function setup(options: HttpOptions = {}) {
  const unread: UnreadForwarding[] = []
  const clock = new TestClock()
  const routes = [whoami, keyed('shared'), keyed('other'), keyed('special', { capacity: 2, refillPerSecond: 0.5 })]
  const http = await openApp(routes, options, {
    clock,
    schemes: [scheme],
    onUnreadForwarding: (seen) => unread.push(seen),
  })
  return {
    clock,
    unread,
    ask: (url: string, headers: Record<string, string> = {}, remoteAddress = '203.0.113.7') =>
      send(http, null, { url, headers, remoteAddress }),
    as: (name: string, url: string) => send(http, name, { url, remoteAddress: '203.0.113.7' }),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}

describe('a proxy that is not trusted', () => {
  const through = { 'x-forwarded-for': '198.51.100.1' }

  test('is told of once, whoever comes after', async () => {
    await using app = await setup()
    await app.ask('/whoami')
    assert.deepEqual(app.unread, [])
    for (const peer of ['10.0.0.5', '10.0.0.5', '10.0.0.6']) await app.ask('/whoami', through, peer)
    assert.deepEqual(app.unread, [{ peer: '10.0.0.5', header: 'x-forwarded-for' }])
  })

  test('is another one than those that are trusted', async () => {
    await using app = await setup({ trustedProxies: ['10.0.0.5'] })
    await app.ask('/whoami', through, '10.0.0.5')
    assert.deepEqual(app.unread, [])
    await app.ask('/whoami', through, '10.0.0.6')
    assert.deepEqual(app.unread, [{ peer: '10.0.0.6', header: 'x-forwarded-for' }])
  })

  test('is as good as one that sends Forwarded alone, which is not read', async () => {
    await using app = await setup({ trustedProxies: ['10.0.0.5'] })
    await app.ask('/whoami', { ...through, forwarded: 'for=198.51.100.1' }, '10.0.0.5')
    assert.deepEqual(app.unread, [])
    await app.ask('/nothing/here', { forwarded: 'for=198.51.100.1' }, '10.0.0.5')
    assert.deepEqual(app.unread, [{ peer: '10.0.0.5', header: 'forwarded' }])
  })

  test('is a warning in the log unless somebody else is told', async () => {
    const lines: [object, string][] = []
    const log: Logger = { ...silentLogger, warn: (...line) => void lines.push(line), child: () => log }
    await using http = await openApp([whoami], {}, { log })
    for (let turn = 0; turn < 2; turn++) await send(http, null, { url: '/whoami', headers: through })
    assert.equal(lines.length, 1)
    assert.match(lines[0]?.[1] ?? '', /not trusted.*trustedProxies/)
  })
})

describe('behind proxies', () => {
  const forwarded = {
    'x-forwarded-for': '198.51.100.1, 192.0.2.9',
    'x-forwarded-host': 'stoa.example',
    host: 'inner:3000',
  }

  test('nobody is believed by default: the address and the host are those of the connection', async () => {
    await using app = await setup()
    const { body } = await app.ask('/whoami', forwarded)
    assert.deepEqual([body.ip, body.host], ['203.0.113.7', 'inner:3000'])
  })

  test('a trusted proxy names the caller and the host', async () => {
    await using app = await setup({ trustedProxies: ['203.0.113.0/24'] })
    const { body } = await app.ask('/whoami', forwarded)
    assert.deepEqual([body.ip, body.host], ['192.0.2.9', 'stoa.example'])
  })

  test('what a caller put before the first proxy we trust is not believed', async () => {
    await using app = await setup({ trustedProxies: ['203.0.113.7', '192.0.2.0/24'] })
    assert.equal((await app.ask('/whoami', forwarded)).body.ip, '198.51.100.1')
    const lies = { 'x-forwarded-for': '127.0.0.1, 10.0.0.1, 198.51.100.1, 192.0.2.9' }
    assert.equal((await app.ask('/whoami', lies)).body.ip, '198.51.100.1')
  })

  test('a caller that is no proxy of ours cannot pretend to be one', async () => {
    await using app = await setup({ trustedProxies: ['10.0.0.0/8'] })
    const { body } = await app.ask('/whoami', forwarded)
    assert.deepEqual([body.ip, body.host], ['203.0.113.7', 'inner:3000'])
  })

  test('addresses in the bucket of anonymous callers are those of the callers, so one caller does not stop the others', async () => {
    await using app = await setup({
      trustedProxies: ['203.0.113.7'],
      anonymousRateLimit: { capacity: 1, refillPerSecond: 0.1 },
    })
    assert.equal((await app.ask('/whoami', { 'x-forwarded-for': '198.51.100.1' })).status, 200)
    assert.equal((await app.ask('/whoami', { 'x-forwarded-for': '198.51.100.1' })).status, 429)
    assert.equal((await app.ask('/whoami', { 'x-forwarded-for': '198.51.100.2' })).status, 200)
  })
})

describe('the id of a request', () => {
  test('is the one that was sent when it is harmless, on success and on refusal', async () => {
    await using app = await setup()
    for (const id of ['a', 'trace-1.2_3~4:5@6=7+8', '019b76da-a800-7000-8000-000000000000', 'x'.repeat(64)]) {
      const { body, headers } = await app.ask('/whoami', { 'x-request-id': id })
      assert.deepEqual([body.requestId, headers['x-request-id']], [id, id])
      const refused = await app.ask('/nothing', { 'x-request-id': id })
      assert.deepEqual([refused.body.requestId, refused.headers['x-request-id']], [id, id])
    }
  })

  test('is a new one when it is not: too long, or with signs that forge logs', async () => {
    await using app = await setup()
    for (const id of ['', 'x'.repeat(65), 'a b', '"quoted"', '<script>', 'a\tb', 'ü', '{"level":60}']) {
      const { body, headers } = await app.ask('/whoami', { 'x-request-id': id })
      assert.ok(isId(body.requestId), `${id} gave ${body.requestId}`)
      assert.equal(headers['x-request-id'], body.requestId)
    }
  })

  test('comes with the trace that the caller is in, when that is well formed', async () => {
    await using app = await setup()
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const good = await app.ask('/whoami', { traceparent: `00-${traceId}-00f067aa0ba902b7-01` })
    assert.equal(good.body.traceId, traceId)
    for (const bad of ['nonsense', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, `ff-${traceId}-00f067aa0ba902b7-01`]) {
      assert.equal((await app.ask('/whoami', { traceparent: bad })).body.traceId, null, bad)
    }
  })
})

describe('a bucket', () => {
  const rateLimit = { capacity: 3, refillPerSecond: 0.5 }

  test('lets as many through as it holds, then refuses with the time to wait, and that time is enough', async () => {
    await using app = await setup({ rateLimit })
    for (let left = 2; left >= 0; left--) {
      const { status, headers } = await app.as('ann', '/shared')
      assert.deepEqual([status, headers['ratelimit-policy']], [204, '"default";q=3;w=6, "tenant";q=6000;w=6'])
      assert.match(headers.ratelimit ?? '', new RegExp(`^"default";r=${left};t=\\d+, "tenant";r=\\d+;t=1$`))
    }
    const refused = await app.as('ann', '/shared')
    assert.deepEqual([refused.status, refused.body.code], [429, 'rate_limited'])
    const seconds = Number(refused.headers['retry-after'])
    assert.equal(seconds, 2)
    await app.clock.advance(seconds * 1000)
    assert.equal((await app.as('ann', '/shared')).status, 204)
    assert.equal((await app.as('ann', '/shared')).status, 429)
  })

  test('is one for all operations of a caller, and another for each caller', async () => {
    await using app = await setup({ rateLimit })
    for (const url of ['/shared', '/other', '/shared']) assert.equal((await app.as('ann', url)).status, 204)
    assert.equal((await app.as('ann', '/other')).status, 429)
    assert.equal((await app.as('ben', '/other')).status, 204)
  })

  test('of an operation that has its own leaves the shared one alone', async () => {
    await using app = await setup({ rateLimit })
    assert.equal(
      (await app.as('ann', '/special')).headers['ratelimit-policy'],
      '"special";q=2;w=4, "tenant";q=6000;w=6',
    )
    assert.equal((await app.as('ann', '/special')).status, 204)
    assert.equal((await app.as('ann', '/special')).status, 429)
    assert.match((await app.as('ann', '/shared')).headers.ratelimit ?? '', /^"default";r=2;/)
  })

  test('has the size that the caller was given', async () => {
    await using app = await setup({ rateLimit })
    assert.equal(
      (await app.as('big', '/shared')).headers['ratelimit-policy'],
      '"default";q=50;w=50, "tenant";q=6000;w=6',
    )
  })

  test('of an address is for everybody without credentials there, and for what does not exist', async () => {
    await using app = await setup({ anonymousRateLimit: rateLimit })
    assert.equal((await app.ask('/shared')).status, 401)
    assert.equal((await app.ask('/nothing')).status, 404)
    assert.equal((await app.ask('/whoami')).status, 200)
    for (const url of ['/shared', '/nothing', '/whoami']) assert.equal((await app.ask(url)).status, 429)
    assert.equal((await app.ask('/whoami', {}, '203.0.113.8')).status, 200)
    assert.equal((await app.as('ann', '/shared')).status, 204)
  })

  test('of an address of version 6 is that of its network: whoever has one has 2^64 of them', async () => {
    await using app = await setup({ anonymousRateLimit: { capacity: 1, refillPerSecond: 0.1 } })
    assert.equal((await app.ask('/whoami', {}, '2001:db8:1:2::1')).status, 200)
    assert.equal((await app.ask('/whoami', {}, '2001:db8:1:2:ffff::9')).status, 429)
    assert.equal((await app.ask('/whoami', {}, '2001:db8:1:3::1')).status, 200)
    assert.equal((await app.ask('/whoami', {}, '::ffff:198.51.100.7')).status, 200)
    assert.equal((await app.ask('/whoami', {}, '198.51.100.7')).status, 429)
    assert.equal((await app.ask('/whoami', {}, '::ffff:198.51.100.8')).status, 200)
  })
})
