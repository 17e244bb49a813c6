import assert from 'node:assert/strict'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { createMetrics } from '@stoa/telemetry'
import { Type } from 'typebox'
import { type Claim, defineRoute, type Http, type HttpDeps, type HttpOptions, type Lane } from '../src/index.ts'
import { found, routeOf } from './lane-route.ts'
import { openApp } from './setup.ts'

async function open(
  find: Lane['find'] = found,
  { deps = {}, claims, options = {} }: { deps?: Partial<HttpDeps>; claims?: Claim; options?: HttpOptions } = {},
) {
  const http = await openApp([routeOf(find, claims)], options, deps)
  const url = await http.listen()
  return {
    http,
    ask: (path: string, asked: Asked = {}) => ask(url + path, asked),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** `fetch` sends neither another host nor a body with GET. A lane says in a header what a route says in a body. */
function ask(url: string, { body, headers = {}, method = 'GET' }: Asked) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: IncomingMessage['headers']
    text: string
  }>()
  const asked = request(url, { method, headers, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    response.on('end', () => {
      const { headers, statusCode = 0 } = response
      resolve({ headers, status: statusCode, text: String(headers['x-text'] ?? text) })
    })
  })
  asked.on('error', reject).end(body)
  return promise
}

describe('a lane', () => {
  let http: Http & AsyncDisposable
  let asks: Awaited<ReturnType<typeof open>>['ask']
  before(async () => {
    const opened = await open(found, { options: { hstsSeconds: 60 } })
    http = opened.http
    asks = opened.ask
  })
  after(() => http?.[Symbol.asyncDispose]())

  it('answers the usual, with or without a query', async () => {
    for (const path of ['/go/there', '/go/there?a=/b?c']) {
      const { headers, status, text } = await asks(path)
      assert.deepEqual([status, text], [200, 'short there'])
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['strict-transport-security'], 'max-age=60')
    }
  })

  it('leaves to the route what it does not find', async () => {
    assert.equal((await asks('/go/none')).text, 'long none')
    const gone = await asks('/go/gone')
    assert.deepEqual([gone.status, JSON.parse(gone.text).code], [404, 'not_found'])
    assert.ok(gone.headers['x-request-id'])
  })

  const unusual: [what: string, asked: Asked][] = [
    ['HEAD', { method: 'HEAD' }],
    ['a body', { body: 'x', headers: { 'content-type': 'text/plain', 'content-length': '1' } }],
    ['a page of another origin', { headers: { origin: 'https://other.example' } }],
    ['a proxy that is not trusted', { headers: { 'x-forwarded-for': '203.0.113.7' } }],
    ['another such proxy', { headers: { forwarded: 'for=203.0.113.7' } }],
  ]
  for (const [what, asked] of unusual) {
    it(`leaves ${what} to the route`, async () => {
      const answer = await asks('/go/there', asked)
      assert.ok(!answer.text.startsWith('short'), answer.text)
      assert.ok(answer.headers['x-request-id'])
    })
  }

  it('leaves other methods and other paths to the routes', async () => {
    assert.equal((await asks('/go/there', { method: 'POST' })).status, 405)
    assert.equal((await asks('/go')).status, 404)
    assert.equal((await asks('/GO/there')).status, 404)
    assert.equal((await asks('/x/go/there')).status, 404)
  })
})

describe('lanes', () => {
  it('answer late what is found late, and leave what fails to the route', async () => {
    await using opened = await open(async (name) => {
      if (name === 'broken') throw new Error('away')
      return found(name)
    })
    assert.equal((await opened.ask('/go/there')).text, 'short there')
    assert.equal((await opened.ask('/go/none')).text, 'long none')
    assert.equal((await opened.ask('/go/broken')).text, 'long broken')
  })

  it('leave an answer that cannot be written to the route', async () => {
    await using opened = await open(() => ({ text: 'ā', status: 200 }))
    assert.equal((await opened.ask('/go/there')).text, 'long there')
  })

  it('take from the bucket of the route, which tells whoever finds it empty', async () => {
    await using opened = await open()
    for (let n = 0; n < 100; n++) assert.equal((await opened.ask('/go/there')).text, 'short there')
    const refused = await opened.ask('/go/there')
    assert.equal(refused.status, 429)
    assert.equal(JSON.parse(refused.text).code, 'rate_limited')
    assert.ok(refused.headers['retry-after'])
  })

  it('count each caller behind a trusted proxy by itself', async () => {
    await using opened = await open(found, { options: { trustedProxies: ['127.0.0.1'] } })
    const from = (address: string) => opened.ask('/go/there', { headers: { 'x-forwarded-for': address } })
    for (let n = 0; n < 100; n++) assert.equal((await from('203.0.113.7')).text, 'short there')
    assert.equal((await from('203.0.113.7')).status, 429)
    assert.equal((await from('203.0.113.8')).text, 'short there')
  })

  it('are counted among the requests of their route', async () => {
    const metrics = createMetrics({ process: false })
    await using opened = await open(found, { deps: { metrics } })
    await opened.ask('/go/there')
    await opened.ask('/go/there')
    assert.match(
      await metrics.text(),
      /http_request_duration_seconds_count\{method="GET",route="\/go\/:name",status="200"\} 2/,
    )
  })

  const ofHost: Claim = (host, path) => (host.toLowerCase() === 's.example:8080' ? path.slice(1) || 'root' : null)

  it('serve the paths that their route claims, of the host that the caller or a trusted proxy names', async () => {
    await using opened = await open(found, { claims: ofHost, options: { trustedProxies: ['127.0.0.1'] } })
    const on = async (path: string, headers: Record<string, string>) => (await opened.ask(path, { headers })).text
    assert.equal(await on('/there', { host: 's.example:8080' }), 'short there')
    assert.equal(await on('/a/b?c', { host: 'S.Example:8080' }), 'short a/b')
    assert.equal(await on('/go/there', { host: 's.example:8080' }), 'short go/there')
    assert.equal(await on('/go/there', { host: 'other.example' }), 'short there')
    assert.equal(await on('/', { host: 'x', 'x-forwarded-host': 'a, s.example:8080' }), 'short root')
    assert.match(await on('/there', { host: 's.example:8080', 'x-forwarded-host': 'other.example' }), /not_found/)
  })

  it('and what they leave to their route goes there by its claim too', async () => {
    await using opened = await open(() => null, { claims: ofHost })
    const on = async (path: string, headers: Record<string, string>) => (await opened.ask(path, { headers })).text
    assert.equal(await on('/a/b?c', { host: 's.example:8080' }), 'long a/b')
    assert.equal(await on('/a%2Fb', { host: 's.example:8080' }), 'long a%2Fb')
    assert.equal(await on('/health/live', { host: 's.example:8080' }), 'long health/live')
    assert.match(await on('/a/b', { host: 'other.example', 'x-forwarded-host': 's.example:8080' }), /not_found/)
  })

  it('serve nothing on a host that is a mount’s', async () => {
    const handle = (_request: IncomingMessage, response: ServerResponse) => void response.end('mounted')
    const hosts = (host: string) => (host === 's.example:8080' ? '/t/acme' : null)
    await using opened = await open(found, { claims: ofHost, deps: { mounts: [{ prefix: '/t/', handle, hosts }] } })
    for (const path of ['/there', '/go/there']) {
      assert.equal((await opened.ask(path, { headers: { host: 's.example:8080' } })).text, 'mounted')
    }
    assert.equal((await opened.ask('/go/there', { headers: { host: 'x.example' } })).text, 'short there')
  })

  it('are closed when each request is logged', async () => {
    await using opened = await open(found, { options: { accessLog: 'all' } })
    assert.equal((await opened.ask('/go/there')).text, 'long there')
  })

  it('serve nothing while there is too much to do', async () => {
    const looking = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    const find = async (name: string) => {
      looking.resolve()
      await answer.promise
      return found(name)
    }
    await using opened = await open(find, { options: { maxConcurrentRequests: 1 } })
    const first = opened.ask('/go/there')
    await looking.promise
    assert.equal((await opened.ask('/go/there')).status, 503)
    answer.resolve()
    assert.equal((await first).text, 'short there')
  })

  it('are for reading, for anyone', () => {
    const { lane } = routeOf(found)
    const spec = {
      tags: ['test'],
      summary: 'Goes.',
      lane: lane as Lane,
      schema: { response: { 200: Type.Object({}) } },
    } as const
    assert.throws(
      () =>
        defineRoute({
          ...spec,
          method: 'POST',
          url: '/x',
          operationId: 'goPost',
          permission: null,
          handler: () => ({}),
        }),
      /has a lane/,
    )
    assert.throws(
      () =>
        defineRoute({
          ...spec,
          method: 'GET',
          url: '/x',
          operationId: 'goHidden',
          permission: 'test:read',
          handler: () => ({}),
        }),
      /has a lane/,
    )
  })
})
