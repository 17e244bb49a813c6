import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { eventually } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineRoute, type Http } from '../src/index.ts'
import { openApp, send } from './setup.ts'

const hello = defineRoute({
  method: 'GET',
  url: '/hello/:name',
  operationId: 'sayHello',
  tags: ['test'],
  summary: 'Says hello',
  permission: null,
  schema: { params: Type.Object({ name: Type.String() }), response: { 200: Type.Object({ text: Type.String() }) } },
  handler: (_ctx, { params }) => ({ text: `hello ${params.name}` }),
})

describe('the page about the API', () => {
  let http: Http
  before(async () => {
    http = await openApp([hello], { title: '<script>alert("x")</script> & Co' })
  })
  after(() => http[Symbol.asyncDispose]())
  const get = (url: string, headers: Record<string, string> = {}) => send(http, null, { url, headers })

  test('names no address but of this server', async () => {
    const { status, headers, text } = await get('/docs')
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    const addresses = [...text.matchAll(/(?:src|href|action|data-url)="([^"]*)"/g)].map(([, address = '']) => address)
    assert.ok(addresses.length >= 4, text)
    for (const address of addresses) assert.match(address, /^(\/(?!\/)|data:,$)/)
    assert.doesNotMatch(text, /https?:|\/\/[a-z]/i)
    for (const address of addresses.filter((one) => one.startsWith('/'))) {
      assert.equal((await get(address)).status, 200, address)
    }
  })

  test('has a policy that lets the browser ask this server alone, and run no script but its own', async () => {
    const { headers } = await get('/docs')
    const policy = new Map(
      (headers['content-security-policy'] ?? '').split('; ').map((directive) => {
        const [name = '', ...sources] = directive.split(' ')
        return [name, sources] as const
      }),
    )
    assert.deepEqual(policy.get('default-src'), ["'none'"])
    assert.deepEqual(policy.get('script-src'), ["'self'"])
    assert.deepEqual(policy.get('connect-src'), ["'self'"])
    for (const name of ['base-uri', 'form-action', 'frame-ancestors']) assert.deepEqual(policy.get(name), ["'none'"])
    const harmless = ["'none'", "'self'", 'data:', 'blob:']
    for (const [name, sources] of policy) {
      const allowed = name === 'style-src' ? [...harmless, "'unsafe-inline'"] : harmless
      assert.deepEqual(
        sources.filter((source) => !allowed.includes(source)),
        [],
        name,
      )
    }
  })

  test('asks Scalar for nothing that would leave: no fonts, no telemetry, no assistant', async () => {
    const { text } = await get('/docs')
    const escaped = /data-configuration="([^"]*)"/.exec(text)?.[1] ?? ''
    const settings = JSON.parse(escaped.replace(/&#(\d+);/g, (_all, code) => String.fromCharCode(code)))
    assert.equal(settings.withDefaultFonts, false)
    assert.equal(settings.telemetry, false)
    assert.deepEqual([settings.agent, settings.mcp], [{ disabled: true }, { disabled: true }])
    assert.equal(settings.proxyUrl, undefined)
  })

  test('runs nothing of its title', async () => {
    const { text } = await get('/docs')
    assert.ok(!text.includes('<script>alert'), text)
    assert.match(text, /<title>&#60;script&#62;/)
  })

  test('comes with its script, packed or not, and with a tag so that it is fetched once', async () => {
    const plain = await http.app.inject({ url: '/docs/scalar.js' })
    assert.match(String(plain.headers['content-type']), /^text\/javascript/)
    const packed = await http.app.inject({ url: '/docs/scalar.js', headers: { 'accept-encoding': 'gzip, br' } })
    assert.equal(packed.headers['content-encoding'], 'gzip')
    assert.equal(packed.headers.vary, 'accept-encoding')
    assert.ok(gunzipSync(packed.rawPayload).equals(plain.rawPayload))
    assert.ok(packed.rawPayload.length < plain.rawPayload.length / 2)
    const again = await get('/docs/scalar.js', { 'if-none-match': String(plain.headers.etag) })
    assert.deepEqual([again.status, again.text], [304, ''])
  })

  test('shows the document that programs read', async () => {
    const { status, headers, body } = await get('/openapi.json')
    assert.deepEqual([status, headers['content-type']], [200, 'application/json; charset=utf-8'])
    assert.equal(body.openapi, '3.1.0')
    assert.equal(body.paths['/hello/{name}'].get.operationId, 'sayHello')
    assert.equal((await get('/openapi.json', { 'if-none-match': headers.etag ?? '' })).status, 304)
  })

  test('is found with a slash at the end too', async () => {
    const { headers, status } = await get('/docs/')
    assert.deepEqual([status, headers.location], [302, '/docs'])
  })

  test('comes from the bucket of its reader, as everything that has no key', async () => {
    await using app = await openApp([hello], { anonymousRateLimit: { capacity: 5, refillPerSecond: 0.001 } })
    const ask = (url: string) => send(app, null, { url })
    const parts = ['/docs', '/docs/', '/docs/scalar.js', '/openapi.json', '/']
    for (const url of parts) assert.match((await ask(url)).headers.ratelimit ?? '', /^"anonymous"/, url)
    for (const url of parts) {
      const refused = await ask(url)
      assert.deepEqual([refused.status, refused.body.code], [429, 'rate_limited'], url)
    }
    assert.equal((await ask('/health/live')).status, 200)
  })

  test('is refused while there is too much to do', async () => {
    const overloaded = { eventLoopDelayMs: 0, heapUsedBytes: 0, rssBytes: 2000 }
    await using app = await openApp([hello], { maxRssBytes: 1000, measureLoad: () => overloaded })
    for (const url of ['/docs', '/docs/scalar.js', '/openapi.json', '/']) {
      const refused = await eventually(
        () => send(app, null, { url }),
        ({ status }) => status === 503,
      )
      assert.equal(refused.body.code, 'overloaded')
    }
  })

  test('is not there when it is switched off', async () => {
    await using bare = await openApp([hello], { docs: false })
    for (const url of ['/docs', '/docs/scalar.js', '/openapi.json']) {
      assert.equal((await send(bare, null, { url })).status, 404)
    }
  })
})
