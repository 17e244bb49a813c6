import assert from 'node:assert/strict'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { serve } from '@hono/node-server'
import {
  answerOf,
  checkEndpoint,
  createLimiter,
  expressRateLimit,
  fastifyRateLimit,
  type GateOptions,
  honoRateLimit,
  nodeRateLimit,
} from '@stoa/limiter'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { RemoteStore } from './remote-store.ts'

/** What the tests ask of a request, in every framework. */
type Asked = { readonly headers: Record<string, string | string[] | undefined> }
type Options = GateOptions<Asked>

interface Running extends AsyncDisposable {
  readonly port: number
}

async function listening(server: Server): Promise<Running> {
  if (!server.listening) await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A program in each framework: `/` says hello, `/refund` gives its token back. What it throws is a 500. */
const adapters: Record<string, (options: Options) => Promise<Running>> = {
  Fastify: async (options) => {
    const app = Fastify()
    await app.register(fastifyRateLimit, options as never)
    app.get('/', async () => 'hello')
    app.get('/refund', async (request) => String(await answerOf(request)?.refund()))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return listening(app.server)
  },

  Express: async (options) => {
    const app = express()
    app.use(expressRateLimit(options as never))
    app.get('/', (_request, response) => void response.send('hello'))
    app.get('/refund', async (request, response) => void response.send(String(await answerOf(request)?.refund())))
    app.use(((_error, _request, response, _next) => void response.status(500).end()) as express.ErrorRequestHandler)
    return listening(createServer(app))
  },

  Hono: async (options) => {
    const asked = (context: { req: { header(): Record<string, string> } }): Asked => ({ headers: context.req.header() })
    const { key, cost, plan, layers, ...others } = options
    const app = new Hono<{ Variables: { rateLimit: { refund(): Promise<boolean> } } }>()
    app.use(
      honoRateLimit({
        ...others,
        ...(key && { key: (context: never) => key(asked(context)) }),
        ...(cost && { cost: (context: never) => cost(asked(context)) }),
        ...(plan && { plan: (context: never) => plan(asked(context)) }),
        ...(layers && { layers: (context: never, caller: string) => layers(asked(context), caller) }),
      }) as never,
    )
    app.get('/', () => new Response('hello'))
    app.get('/refund', async (context) => context.text(String(await context.get('rateLimit').refund())))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
    await new Promise((resolve) => server.once('listening', resolve))
    return listening(server)
  },

  'node:http': async (options) => {
    const limit = nodeRateLimit(options as never)
    const handler: RequestListener = async (request, response) => {
      try {
        if (!(await limit(request, response))) return
        response.end(request.url === '/refund' ? String(await answerOf(request)?.refund()) : 'hello')
      } catch {
        response.writeHead(500).end()
      }
    }
    return listening(createServer(handler))
  },

  'the check endpoint': async (options) =>
    listening(createServer(checkEndpoint({ trustedProxies: [], refusedStatus: 429, ...options } as never))),
}

interface Got {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

async function get(
  { port }: Running,
  path = '/',
  headers: Record<string, string | string[]> = {},
  method = 'GET',
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject).end()
  })
}

const limit = { capacity: 2, refillPerSecond: 0.01 }

for (const [name, start] of Object.entries(adapters)) {
  const isCheck = name === 'the check endpoint'
  const passes = isCheck ? 204 : 200

  describe(`the limiter in ${name}`, () => {
    const statuses = async (running: Running, headers: readonly Record<string, string | string[]>[]) => {
      const got: number[] = []
      for (const each of headers) got.push((await get(running, '/', each)).status)
      return got
    }

    it('lets a burst through with fields that say so, then refuses with 429 and a problem', async () => {
      await using running = await start(limit)
      const first = await get(running)
      assert.deepEqual(
        [
          first.status,
          first.headers['ratelimit-policy'],
          first.headers.ratelimit,
          first.headers['retry-after'],
          first.body,
        ],
        [passes, '"default";q=2;w=200', '"default";r=1;t=100', undefined, isCheck ? '' : 'hello'],
      )
      await get(running)
      const refused = await get(running)
      assert.equal(refused.status, 429)
      assert.match(String(refused.headers['content-type']), /^application\/problem\+json/)
      assert.match(String(refused.headers.ratelimit), /^"default";r=0;t=\d+$/)
      assert.ok(Number(refused.headers['retry-after']) <= 100 && Number(refused.headers['retry-after']) > 50)
      const { type, title, status, detail, ...others } = JSON.parse(refused.body)
      assert.deepEqual(
        [type, title, status, others],
        [
          'https://iana.org/assignments/http-problem-types#quota-exceeded',
          'Too Many Requests',
          429,
          { 'violated-policies': ['default'] },
        ],
      )
      assert.match(detail, /^Too many requests. Try again in \d+ seconds.$/)
      const head = await get(running, '/', {}, 'HEAD')
      assert.deepEqual([head.status, head.body], [429, ''])
    })

    it('limits by the address of the connection, whatever X-Forwarded-For says', async () => {
      await using running = await start({ ...limit, trustedProxies: [] })
      const forged = ['198.51.100.1', '198.51.100.2', '::ffff:198.51.100.3'].map((hop) => ({ 'x-forwarded-for': hop }))
      assert.deepEqual(await statuses(running, forged), [passes, passes, 429])
    })

    it('limits by the client behind a trusted proxy: IPv6 by /64, IPv4-mapped as IPv4, 1,000 hops', async () => {
      await using running = await start({ ...limit, capacity: 1, trustedProxies: ['127.0.0.0/8'] })
      const from = (...hops: string[]) => ({ 'x-forwarded-for': hops.join(', ') })
      assert.deepEqual(
        await statuses(running, [from('198.51.100.1'), from('::ffff:198.51.100.1'), from('9.9.9.9', '198.51.100.1')]),
        [passes, 429, 429],
      )
      assert.deepEqual(await statuses(running, [from('2001:db8::1'), from('2001:db8::2'), from('2001:db8:0:1::1')]), [
        passes,
        429,
        passes,
      ])
      const many = Array.from({ length: 1000 }, (_, index) => `203.0.${index >> 8}.${index & 255}`)
      assert.deepEqual(await statuses(running, [from(...many, '198.51.100.7'), from('198.51.100.7')]), [passes, 429])
    })

    it('limits by a key: none, a long one, any byte, costs and plans', async () => {
      await using running = await start({
        ...limit,
        plans: { pro: { capacity: 4, refillPerSecond: 0.01 } },
        key: ({ headers }) =>
          headers['x-user'] === 'root' ? null : `${headers['x-user']}`.repeat(headers['x-long'] ? 100_000 : 1),
        cost: ({ headers }) => Number(headers['x-cost'] ?? 1),
        plan: ({ headers }) => headers['x-plan'] as string | undefined,
      })
      const by = (user: string, others: Record<string, string> = {}) => ({ 'x-user': user, ...others })
      assert.deepEqual(await statuses(running, [by('root'), by('root'), by('root')]), [passes, passes, passes])
      assert.equal((await get(running, '/', by('root'))).headers.ratelimit, undefined)
      assert.deepEqual(await statuses(running, [by('ada', { 'x-cost': '2' }), by('ada'), by('bob')]), [
        passes,
        429,
        passes,
      ])
      assert.deepEqual(await statuses(running, [by('ada', { 'x-cost': '0' })]), [passes])
      const long = by('0123456789', { 'x-long': '1', 'x-cost': '2' })
      assert.deepEqual(await statuses(running, [long, long, by('0123456789')]), [passes, 429, passes])
      const odd = by('\u00ff\u0080 %00 {a}', { 'x-cost': '2' })
      assert.deepEqual(await statuses(running, [odd, odd]), [passes, 429])
      const pro = by('eve', { 'x-plan': 'pro', 'x-cost': '4' })
      assert.deepEqual(await statuses(running, [pro, pro]), [passes, 429])
    })

    it('answers 429 without Retry-After to a request that can never pass', async () => {
      await using running = await start({ ...limit, cost: () => 3 })
      const refused = await get(running)
      assert.deepEqual([refused.status, refused.headers['retry-after']], [429, undefined])
      assert.match(refused.body, /costs more than the limit ever allows/)
    })

    it('answers 500 to costs that make no sense, and limits on', async () => {
      await using running = await start({ ...limit, cost: ({ headers }) => Number(headers['x-cost'] ?? 1) })
      const costs = ['-1', 'NaN', 'Infinity'].map((cost) => ({ 'x-cost': cost }))
      assert.deepEqual(await statuses(running, [...costs, {}, {}, {}]), [500, 500, 500, passes, passes, 429])
    })

    it('limits by several policies at once', async () => {
      const limiter = createLimiter()
      const perAddress = limiter.policy('address', { capacity: 3, refillPerSecond: 0.01 })
      const perUser = limiter.policy('user', limit)
      const shadow = limiter.policy('shadow', { capacity: 1, refillPerSecond: 0.01, shadow: true })
      await using running = await start({
        limiter,
        layers: ({ headers }, caller) =>
          headers['x-user'] ? [perAddress.of(caller), perUser.of(String(headers['x-user'])), shadow.of(caller)] : [],
      })
      const by = (user: string) => ({ 'x-user': user })
      const first = await get(running, '/', by('ada'))
      assert.deepEqual(
        [first.headers['ratelimit-policy'], first.headers.ratelimit],
        ['"address";q=3;w=300, "user";q=2;w=200', '"address";r=2;t=100, "user";r=1;t=100'],
      )
      assert.deepEqual(await statuses(running, ['ada', 'ada', 'bob', 'bob'].map(by)), [passes, 429, passes, 429])
      assert.deepEqual(await statuses(running, [{}]), [passes])
      assert.equal(shadow.counts.shadowRefused, 4)
    })

    it('answers by the policy when the store fails: 503 when it is closed', async () => {
      const store = new RemoteStore(() => 0)
      store.wire = async () => {
        throw new Error('gone')
      }
      await using closed = await start({ ...limit, store, onStoreFailure: 'closed' })
      const refused = await get(closed)
      assert.equal(refused.status, isCheck ? 429 : 503)
      assert.match(refused.body, /cannot be checked/)
      await using open = await start({ ...limit, store, onStoreFailure: 'open' })
      const passed = await get(open)
      assert.deepEqual(
        [passed.status, passed.headers['ratelimit-policy'], passed.headers.ratelimit],
        [passes, '"default";q=2;w=200', undefined],
      )
      await using local = await start({ ...limit, store })
      assert.deepEqual(await statuses(local, [{}, {}, {}]), [passes, passes, 429])
    })

    it('asks a store behind a wire, with many callers at once', async () => {
      await using running = await start({ ...limit, capacity: 20, store: new RemoteStore(() => 0) })
      const answers = await Promise.all(Array.from({ length: 40 }, () => get(running)))
      assert.equal(answers.filter(({ status }) => status === passes).length, 20)
    })

    if (!isCheck) {
      it('lets a handler give back what its request took', async () => {
        await using running = await start(limit)
        for (let turn = 0; turn < 5; turn++) assert.equal((await get(running, '/refund')).body, 'true')
      })
    }

    it('refuses options that make no sense', async () => {
      const limiter = createLimiter()
      for (const options of [
        { ...limit, capacity: -1 },
        { ...limit, trustedProxies: ['proxy'] },
        { ...limit, limiter, store: new RemoteStore(() => 0) },
        { ...limit, layers: () => [] },
        { ...limit, capcity: 5 },
      ]) {
        await assert.rejects(
          async () => start(options as Options),
          /(RangeError|TypeError)|must be|unknown option|trusted proxy|limiter or a store/,
        )
      }
    })
  })
}

describe('the limiter in Fastify', () => {
  it('limits by the option of each route, each in its own bucket, in config or beside it', async () => {
    const app = Fastify()
    await app.register(fastifyRateLimit, { capacity: 100, refillPerSecond: 1 })
    app.get('/one', { config: { rateLimit: limit } }, async () => 'one')
    app.get('/two', { rateLimit: { ...limit, name: 'two' } } as object, async () => 'two')
    app.get('/free', { config: { rateLimit: false } }, async () => 'free')
    app.get('/other', async () => 'other')
    app.route({ method: ['POST', 'PUT'], url: '/both', config: { rateLimit: limit }, handler: async () => 'both' })
    const policy = async (method: 'GET' | 'HEAD' | 'POST', url: string) =>
      (await app.inject({ method, url })).headers.ratelimit
    assert.match(String(await policy('GET', '/one')), /^"GET:\/one";r=1;/)
    assert.match(String(await policy('HEAD', '/one')), /^"GET:\/one";r=0;/, 'HEAD shares the bucket')
    assert.equal((await app.inject('/one')).statusCode, 429)
    assert.match(String(await policy('GET', '/two')), /^"two";r=1;/)
    assert.match(String(await policy('POST', '/both')), /^"POST\+PUT:\/both";r=1;/)
    assert.equal(await policy('GET', '/free'), undefined)
    assert.match(String(await policy('GET', '/other')), /^"default";r=99;/)
    await app.close()
  })

  it('stands before the other hooks of a route, and before the body is read', async () => {
    const app = Fastify()
    await app.register(fastifyRateLimit)
    const calls: string[] = []
    app.post(
      '/',
      { config: { rateLimit: { ...limit, capacity: 1 } }, onRequest: async () => void calls.push('hook') },
      async () => 'done',
    )
    const post = () =>
      app.inject({ method: 'POST', url: '/', payload: '{', headers: { 'content-type': 'application/json' } })
    assert.equal((await post()).statusCode, 400)
    assert.equal((await post()).statusCode, 429)
    assert.deepEqual(calls, ['hook'])
    await app.close()
  })

  it('names routes with long and odd addresses, and versions of one address, apart', async () => {
    const app = Fastify()
    await app.register(fastifyRateLimit)
    const config = { rateLimit: limit }
    const long = `/${'x'.repeat(80)}`
    app.get(`${long}/1`, { config }, async () => '')
    app.get(`${long}/2`, { config }, async () => '')
    app.get('/v', { config, constraints: { version: '1.0.0' } }, async () => '')
    app.get('/v', { config, constraints: { version: '2.0.0' } }, async () => '')
    const names = new Set<unknown>()
    for (const [url, version] of [[`${long}/1`], [`${long}/2`], ['/v', '1.0.0'], ['/v', '2.0.0']] as const) {
      const { headers } = await app.inject({ url, headers: version ? { 'accept-version': version } : {} })
      assert.match(String(headers.ratelimit), /;r=1;/)
      names.add(headers['ratelimit-policy'])
    }
    assert.equal(names.size, 4)
    await app.close()
  })
})

describe('the check endpoint', () => {
  it('needs to know who the callers are', () => {
    assert.throws(() => checkEndpoint(limit), /without 'trustedProxies' or 'key'/)
    for (const refusedStatus of [200, 399, 600, 403.5]) {
      assert.throws(() => checkEndpoint({ ...limit, trustedProxies: [], refusedStatus }), RangeError)
    }
  })

  it('refuses with 403 unless told otherwise, which nginx takes for a refusal', async () => {
    await using running = await listening(createServer(checkEndpoint({ ...limit, capacity: 1, trustedProxies: [] })))
    assert.deepEqual([(await get(running)).status, (await get(running)).status], [204, 403])
  })

  it('knows the request that it is asked about, by nginx and by Traefik', async () => {
    const seen: string[] = []
    const key = ({ method, uri }: { method: string; uri: string }) => {
      seen.push(`${method} ${uri}`)
      return null
    }
    await using running = await listening(createServer(checkEndpoint({ ...limit, key })))
    await get(running, '/check', { 'x-original-method': 'PUT', 'x-original-uri': '/a?b' })
    await get(running, '/check', { 'x-forwarded-method': 'POST', 'x-forwarded-uri': '/c' })
    await get(running, '/direct')
    assert.deepEqual(seen, ['PUT /a?b', 'POST /c', 'GET /direct'])
  })

  it('stands in front of a service: what it refuses does not reach it', async () => {
    let served = 0
    await using check = await listening(createServer(checkEndpoint({ ...limit, trustedProxies: ['127.0.0.1'] })))
    // A proxy as nginx is one: it asks with the client's address and hands on fields and refusals.
    const proxy = createServer(async (request, response) => {
      const asked = await get(check, '/', {
        'x-forwarded-for': `${request.headers['x-forwarded-for'] ?? ''}, 198.51.100.1`,
      })
      for (const field of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
        const value = asked.headers[field]
        if (value !== undefined) response.setHeader(field, value)
      }
      if (asked.status === 204) served += 1
      response.writeHead(asked.status === 204 ? 200 : 429).end()
    })
    await using front = await listening(proxy)
    const got = [await get(front), await get(front, '/', { 'x-forwarded-for': '10.0.0.1' }), await get(front)]
    assert.deepEqual(
      got.map(({ status }) => status),
      [200, 200, 429],
    )
    assert.equal(served, 2)
    assert.ok(got[2]?.headers['retry-after'])
  })
})
