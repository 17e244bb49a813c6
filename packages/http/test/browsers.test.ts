import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { type AuthScheme, defineRoute, type HttpOptions } from '../src/index.ts'
import { type Answer, openApp, send } from './setup.ts'

const OURS = 'https://console.example.org'
const THEIRS = 'https://evil.example.org'

const route = (operationId: string, permission: string | null, handler: () => { ok: boolean }) =>
  defineRoute({
    method: 'GET',
    url: `/${operationId}`,
    operationId,
    tags: ['test'],
    summary: 'Answers',
    permission,
    schema: { response: { 200: Type.Object({ ok: Type.Boolean() }) } },
    handler,
  })

const strict: AuthScheme = {
  name: 'none',
  openapi: { type: 'http', scheme: 'bearer' },
  challenge: 'Bearer realm="test"',
  authenticate: () => null,
}

const varying = defineRoute({
  method: 'GET',
  url: '/varying',
  operationId: 'vary',
  tags: ['test'],
  summary: 'Varies by more',
  permission: null,
  schema: { response: { 204: Type.Null() } },
  handler(_ctx, _request, reply) {
    reply.header('vary', 'accept')
    return null
  },
})

async function setup(options: HttpOptions = {}) {
  const fail = () => {
    throw new StoaError({ code: 'broken', kind: 'internal', message: 'secret words' })
  }
  const routes = [
    route('open', null, () => ({ ok: true })),
    route('closed', 'test:read', fail),
    route('fail', null, fail),
    varying,
  ]
  const http = await openApp(routes, options, { schemes: [strict] })
  return {
    ask: (url: string, headers: Record<string, string> = {}, method: 'GET' | 'OPTIONS' | 'POST' = 'GET') =>
      send(http, null, { url, method, headers }),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}

const preflight = {
  origin: OURS,
  'access-control-request-method': 'PATCH',
  'access-control-request-headers': 'if-match',
}
const corsHeaders = ({ headers }: Answer) => Object.keys(headers).filter((name) => name.startsWith('access-control-'))

describe('a browser on another origin', () => {
  test('is let in nowhere unless its origin is configured', async () => {
    await using app = await setup()
    assert.deepEqual(corsHeaders(await app.ask('/open', { origin: OURS })), [])
    const asked = await app.ask('/open', preflight, 'OPTIONS')
    assert.deepEqual([asked.status, corsHeaders(asked)], [204, []])
  })

  test('may call from a configured origin, and reads what an API client needs', async () => {
    await using app = await setup({ corsOrigins: [OURS, 'https://other.example.org'] })
    const { status, headers } = await app.ask('/open', { origin: OURS })
    assert.equal(status, 200)
    assert.equal(headers['access-control-allow-origin'], OURS)
    assert.equal(headers.vary, 'Origin')
    for (const name of ['etag', 'location', 'retry-after', 'ratelimit', 'x-request-id', 'idempotent-replayed']) {
      assert.ok(headers['access-control-expose-headers']?.split(', ').includes(name), name)
    }
    assert.equal(headers['access-control-allow-credentials'], undefined)
  })

  test('reads refusals too: 401, 404, 405, 500', async () => {
    await using app = await setup({ corsOrigins: [OURS] })
    for (const [url, status, method] of [
      ['/closed', 401, 'GET'],
      ['/nothing', 404, 'GET'],
      ['/open', 405, 'POST'],
      ['/fail', 500, 'GET'],
    ] as const) {
      const answer = await app.ask(url, { origin: OURS }, method)
      assert.equal(answer.status, status)
      assert.equal(answer.headers['access-control-allow-origin'], OURS)
    }
  })

  test('asks beforehand without a key, and is told the methods and headers', async () => {
    await using app = await setup({ corsOrigins: [OURS] })
    const { status, headers, text } = await app.ask('/closed', preflight, 'OPTIONS')
    assert.deepEqual([status, text], [204, ''])
    assert.equal(headers['access-control-allow-origin'], OURS)
    assert.match(headers['access-control-allow-methods'] ?? '', /PATCH/)
    for (const name of ['authorization', 'content-type', 'if-match', 'idempotency-key', 'x-api-key']) {
      assert.ok(headers['access-control-allow-headers']?.split(', ').includes(name), name)
    }
    assert.equal(headers['access-control-max-age'], '600')
  })

  test('is not let in from any other origin, however alike', async () => {
    await using app = await setup({ corsOrigins: [OURS] })
    for (const origin of [
      THEIRS,
      `${OURS}.evil.org`,
      'http://console.example.org',
      `${OURS}:444`,
      'null',
      'https://x',
    ]) {
      const answer = await app.ask('/open', { origin })
      assert.equal(answer.headers['access-control-allow-origin'], undefined, origin)
      assert.equal(answer.headers.vary, 'Origin')
      const asked = await app.ask('/open', { ...preflight, origin }, 'OPTIONS')
      assert.equal(asked.headers['access-control-allow-origin'], undefined, origin)
    }
  })

  test('may call from anywhere when `*` is configured, never with cookies', async () => {
    await using app = await setup({ corsOrigins: ['*'] })
    const { headers } = await app.ask('/open', { origin: THEIRS })
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.equal(headers['access-control-allow-credentials'], undefined)
  })

  test('shares no answer with another origin through a cache, also where a route varies by more', async () => {
    await using app = await setup({ corsOrigins: [OURS] })
    for (const origin of [OURS, THEIRS])
      assert.equal((await app.ask('/varying', { origin })).headers.vary, 'accept, Origin')
    assert.equal((await app.ask('/openapi.json')).headers.vary, 'accept-encoding, Origin')
    await using open = await setup({ corsOrigins: ['*'] })
    assert.equal((await open.ask('/varying', { origin: OURS })).headers.vary, 'accept')
  })

  test('changes nothing for OPTIONS that ask for the methods: 204 with Allow, 404 where nothing is', async () => {
    for (const options of [{}, { corsOrigins: [OURS] }]) {
      await using app = await setup(options)
      const answer = await app.ask('/open', {}, 'OPTIONS')
      assert.deepEqual([answer.status, answer.headers.allow, answer.text], [204, 'GET, HEAD, OPTIONS', ''])
      const nothing = await app.ask('/nothing', {}, 'OPTIONS')
      assert.deepEqual([nothing.status, nothing.body?.code], [404, 'not_found'])
    }
  })
})

describe('every answer', () => {
  const EXPECTED = {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  }

  test('says that it is data: not run, framed, sniffed or kept', async () => {
    await using app = await setup()
    for (const url of [
      '/open',
      '/closed',
      '/fail',
      '/nothing',
      '/open?%00',
      '/%E0%A4%A',
      '/health/live',
      '/metrics?x=1',
    ]) {
      const { headers } = await app.ask(url)
      for (const [name, value] of Object.entries(EXPECTED)) assert.equal(headers[name], value, `${url}: ${name}`)
      assert.ok(headers['x-request-id'], url)
      assert.equal(headers['strict-transport-security'], undefined)
      assert.equal(headers['x-powered-by'] ?? headers.server, undefined)
    }
  })

  test('insists on TLS when that is configured, on refusals too', async () => {
    await using app = await setup({ hstsSeconds: 31_536_000 })
    for (const url of ['/open', '/nothing', '/%E0%A4%A']) {
      const { headers } = await app.ask(url)
      assert.equal(headers['strict-transport-security'], 'max-age=31536000')
    }
  })

  test('that is a failure of ours says nothing of it', async () => {
    await using app = await setup()
    const { text, body } = await app.ask('/fail')
    assert.equal(body.code, 'internal')
    assert.ok(!/secret|broken|stack|node_modules/.test(text), text)
  })
})
