import assert from 'node:assert/strict'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { errors, type Logger, StoaError, silentLogger } from '@stoa/kernel'
import { createMetrics } from '@stoa/telemetry'
import { Type } from 'typebox'
import { defineRoute, type HttpDeps, type HttpOptions, type Mount, type MountCall } from '../src/index.ts'
import { openApp } from './setup.ts'

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part
  return text
}

/** Says what it was asked, in lines. */
async function echo(asked: IncomingMessage, response: ServerResponse, call: MountCall): Promise<void> {
  const body = await bodyOf(asked)
  response.setHeader('content-type', 'text/plain')
  response.setHeader('x-seen', `${call.ip} ${call.protocol}://${call.host} ${call.ctx.actor.type}`)
  response.end(`${asked.method} ${asked.url} ${body}`)
}

const hello = defineRoute({
  method: 'GET',
  url: '/hello',
  operationId: 'hello',
  tags: ['test'],
  summary: 'Answers',
  permission: null,
  schema: { response: { 200: Type.Object({ ok: Type.Boolean() }) } },
  handler: () => ({ ok: true }),
})

interface Opening {
  readonly mount?: Partial<Mount>
  readonly options?: HttpOptions
  readonly deps?: Partial<HttpDeps>
}

async function open(handle: Mount['handle'] = echo, { mount = {}, options = {}, deps = {} }: Opening = {}) {
  const mounts = [{ prefix: '/t/', handle, ...mount }]
  const http = await openApp([hello], options, { ...deps, mounts })
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
  /** Several are sent without saying how long they are. */
  readonly body?: string | readonly string[]
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

function ask(url: string, { body, headers = {}, method = 'GET' }: Asked): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const length = typeof body === 'string' ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  const asked = request(url, { method, headers: { ...length, ...headers }, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    response.on('error', reject)
  })
  asked.on('error', reject)
  for (const part of typeof body === 'string' ? [body] : (body ?? [])) asked.write(part)
  asked.end()
  return promise
}

describe('a mount', () => {
  it('gets everything below its path, bare, whatever the method and the media type', async () => {
    await using opened = await open()
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const posted = await opened.ask('/t/acme/token?x=%20', { method: 'POST', body: 'a=1&b=2', headers: form })
    assert.deepEqual([posted.status, posted.text], [200, 'POST /t/acme/token?x=%20 a=1&b=2'])
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      assert.equal((await opened.ask('/t/acme', { method })).text, `${method} /t/acme `)
    }
    assert.deepEqual([(await opened.ask('/t/acme', { method: 'HEAD' })).status], [200])
    assert.equal((await opened.ask('/t/', { method: 'POST', body: ['a', 'b'] })).text, 'POST /t/ ab')
  })

  it('gets nothing beside it', async () => {
    await using opened = await open()
    for (const path of ['/t', '/T/acme', '/tt/acme', '/x/t/acme']) {
      assert.equal((await opened.ask(path)).status, 404, path)
    }
    assert.equal((await opened.ask('/hello')).text, '{"ok":true}')
  })

  it('knows who asks, as a trusted proxy says, and nobody else', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example' }
    {
      await using opened = await open(echo, { options: { trustedProxies: ['127.0.0.1'] } })
      const { headers: seen } = await opened.ask('/t/x', { headers })
      assert.equal(seen['x-seen'], '203.0.113.7 https://a.example anonymous')
    }
    await using opened = await open()
    const { headers: seen } = await opened.ask('/t/x', { headers: { ...headers, host: 'b.example' } })
    assert.equal(seen['x-seen'], '127.0.0.1 http://b.example anonymous')
  })

  it('has whole hosts, as the caller or a trusted proxy names them, and nothing else of the program is there', async () => {
    const bases: (string | null)[] = []
    const handle: Mount['handle'] = (asked, response, call) => {
      bases.push(call.base)
      return echo(asked, response, call)
    }
    const hosts = (host: string) => (host === 'id.example' ? '/t/acme' : null)
    const options = { trustedProxies: ['127.0.0.1'] }
    await using opened = await open(handle, { mount: { hosts }, options })
    const on = async (path: string, host: string, forwarded?: string) => {
      const headers = { host, ...(forwarded && { 'x-forwarded-host': forwarded }) }
      return (await opened.ask(path, { headers })).text
    }
    for (const path of ['/', '/hello', '/health/live', '/openapi.json', '/t/other/x', '/a?b=c']) {
      assert.equal(await on(path, 'id.example'), `GET /t/acme${path} `)
    }
    assert.equal(await on('/a', 'x.example', 'id.example'), 'GET /t/acme/a ')
    assert.ok(bases.every((base) => base === '/t/acme'))
    assert.equal(await on('/hello', 'id.example', 'x.example'), '{"ok":true}')
    assert.equal(await on('/t/acme/a', 'x.example'), 'GET /t/acme/a ')
    assert.equal(bases.at(-1), null)
  })

  it('answers with the headers of every answer, unless it says otherwise', async () => {
    const own: Mount['handle'] = (_request, response) => {
      response.setHeader('content-security-policy', "default-src 'self'")
      response.end()
    }
    await using opened = await open(own, { options: { hstsSeconds: 60 } })
    const { headers } = await opened.ask('/t/x', { headers: { 'x-request-id': 'asked-1' } })
    assert.equal(headers['content-security-policy'], "default-src 'self'")
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['strict-transport-security'], 'max-age=60')
    assert.equal(headers['x-request-id'], 'asked-1')
  })

  it('is not asked when the address is unsound or too long', async () => {
    await using opened = await open()
    assert.equal((await opened.ask('/t/%00')).status, 422)
    assert.equal((await opened.ask(`/t/${'a'.repeat(9_000)}`)).status, 414)
    assert.equal((await opened.ask('/t/%zz')).status, 400)
  })

  it('gets no body that is too long, said or not', async () => {
    await using opened = await open(echo, { mount: { bodyLimitBytes: 8 } })
    assert.equal((await opened.ask('/t/x', { method: 'POST', body: '12345678' })).status, 200)
    const said = await opened.ask('/t/x', { method: 'POST', body: '123456789' })
    assert.deepEqual([said.status, JSON.parse(said.text).code], [413, 'payload_too_large'])
    assert.equal((await opened.ask('/t/x', { method: 'POST', body: ['1234', '5678'] })).status, 200)
    const unsaid = await opened.ask('/t/x', { method: 'POST', body: ['12345', '6789'] })
    assert.deepEqual([unsaid.status, JSON.parse(unsaid.text).code], [413, 'payload_too_large'])
  })

  it('takes from a bucket of each address, its own when it has one', async () => {
    const limited = { options: { anonymousRateLimit: { capacity: 2, refillPerSecond: 0.001 } } }
    {
      await using opened = await open(echo, limited)
      assert.equal((await opened.ask('/t/x')).status, 200)
      assert.equal((await opened.ask('/hello')).status, 200)
      const refused = await opened.ask('/t/x')
      assert.deepEqual([refused.status, JSON.parse(refused.text).code], [429, 'rate_limited'])
      assert.ok(refused.headers['retry-after'])
    }
    await using opened = await open(echo, { ...limited, mount: { rateLimit: { capacity: 3, refillPerSecond: 0.001 } } })
    for (let n = 0; n < 3; n++) assert.equal((await opened.ask('/t/x')).status, 200)
    assert.equal((await opened.ask('/t/x')).status, 429)
    assert.equal((await opened.ask('/hello')).status, 200)
  })

  it('takes from another bucket for what its lanes take, whatever the query says', async () => {
    const rateLimit = { capacity: 4, refillPerSecond: 0.001 }
    const lanes = [{ name: 'token', rateLimit, takes: (path: string) => path.endsWith('/token') }]
    const options = { anonymousRateLimit: { capacity: 1, refillPerSecond: 0.001 } }
    await using opened = await open(echo, { options, mount: { lanes } })
    const statuses = async (path: string, times: number) => {
      const all: number[] = []
      for (let n = 0; n < times; n++) all.push((await opened.ask(path)).status)
      return all
    }
    assert.deepEqual(await statuses('/t/a/page?/token', 2), [200, 429])
    assert.deepEqual(await statuses('/t/a/token', 2), [200, 200])
    assert.deepEqual(await statuses('/t/a/token?x=1', 3), [200, 200, 429])
  })

  it('counts as load while it answers, and is not asked under too much of it', async () => {
    const inside = Promise.withResolvers<void>()
    const leave = Promise.withResolvers<void>()
    const handle: Mount['handle'] = async (_request, response) => {
      inside.resolve()
      await leave.promise
      response.end('done')
    }
    await using opened = await open(handle, { options: { maxConcurrentRequests: 1 } })
    const first = opened.ask('/t/x')
    await inside.promise
    assert.equal((await opened.ask('/t/x')).status, 503)
    leave.resolve()
    assert.equal((await first).text, 'done')
  })

  it('may finish what it was asked before a drain', async () => {
    const inside = Promise.withResolvers<void>()
    const leave = Promise.withResolvers<void>()
    const handle: Mount['handle'] = async (_request, response) => {
      inside.resolve()
      await leave.promise
      response.end('done')
    }
    await using opened = await open(handle)
    const first = opened.ask('/t/x')
    await inside.promise
    const drained = opened.http.drain()
    leave.resolve()
    const { headers, text } = await first
    assert.deepEqual([text, headers.connection], ['done', 'close'])
    await drained
  })

  it('is counted, as one route', async () => {
    const metrics = createMetrics({ process: false })
    await using opened = await open(echo, { deps: { metrics } })
    await opened.ask('/t/x')
    await opened.ask('/t/y', { method: 'POST', body: 'x' })
    assert.match(
      await metrics.text(),
      /http_request_duration_seconds_count\{method="\*",route="\/t\/\*",status="200"\} 2/,
    )
  })

  it('that fails tells nothing but that, and is logged', async () => {
    const logged: object[] = []
    const log: Logger = { ...silentLogger, error: (bindings) => void logged.push(bindings), child: () => log }
    const handle: Mount['handle'] = (asked, response) => {
      response.setHeader('set-cookie', 'a=b')
      if (asked.url === '/t/known') throw new StoaError(errors.not_found)
      if (asked.url === '/t/late') return Promise.reject(new Error('a secret'))
      throw new Error('a secret')
    }
    await using opened = await open(handle, { deps: { log } })
    const { text: known, headers } = await opened.ask('/t/known')
    assert.equal(JSON.parse(known).code, 'not_found')
    assert.equal(headers['set-cookie'], undefined)
    for (const path of ['/t/late', '/t/now']) {
      const { status, text } = await opened.ask(path)
      assert.deepEqual([status, JSON.parse(text).code], [500, 'internal'])
      assert.doesNotMatch(text, /secret/)
    }
    assert.equal(logged.length, 2)
  })

  it('that fails in the middle of its answer is cut off', async () => {
    const handle: Mount['handle'] = async (_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half')
      throw new Error('broken')
    }
    await using opened = await open(handle)
    await assert.rejects(opened.ask('/t/x'))
    assert.equal((await opened.ask('/hello')).status, 200)
  })

  it('is one endpoint for all, and no part of the document', async () => {
    await using opened = await open()
    const mounted = opened.http.endpoints.filter(({ path }) => path.startsWith('/t/'))
    assert.deepEqual(mounted, [{ method: 'ANY', path: '/t/*', permission: null }])
    assert.doesNotMatch((await opened.ask('/openapi.json')).text, /"\/t\//)
  })
})

describe('mounts', () => {
  it('have a path with a slash at both ends, and do not lie in each other', async () => {
    const mount = (prefix: string): Mount => ({ prefix, handle: () => undefined })
    for (const prefix of ['/', 't/', '/t', '/:t/', '/t*/']) {
      await assert.rejects(openApp([], {}, { mounts: [mount(prefix)] }), TypeError, prefix)
    }
    await assert.rejects(openApp([], {}, { mounts: [mount('/t/'), mount('/t/x/')] }), TypeError)
    await assert.rejects(openApp([], {}, { mounts: [mount('/t/'), mount('/t/')] }), TypeError)
  })
})
