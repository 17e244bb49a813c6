import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore, type Store } from '@stoa/limiter'
import { createMetrics } from '@stoa/telemetry'
import { inTime, TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineRoute, type HttpOptions, type Lane, type UpgradedConnection } from '../src/index.ts'
import { found, routeOf } from './lane-route.ts'
import { openApp } from './setup.ts'
import { openWire, type Wire } from './wire.ts'

const UNREACHED = { capacity: 1_000_000, refillPerSecond: 1_000_000 }

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: s.example\r\n${more}\r\n`

interface Made {
  readonly find?: Lane['find']
  readonly lane?: Partial<Lane>
  readonly rateLimit?: typeof UNREACHED
  readonly limitStore?: Store
  /** Of Node's server. */
  readonly serve?: Readonly<Record<string, number>>
}

/** An application with a lane, a WebSocket, and a way to see what came past Node's parser. */
async function setup(
  options: HttpOptions = {},
  { find = found, lane, limitStore, rateLimit = UNREACHED, serve }: Made = {},
) {
  const metrics = createMetrics({ process: false })
  const handed: UpgradedConnection[] = []
  const socket = defineRoute({
    method: 'GET',
    url: '/socket',
    operationId: 'socket',
    tags: ['test'],
    summary: 'A WebSocket',
    permission: null,
    upgrade(_ctx, connection) {
      handed.push(connection)
      connection.socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
      connection.socket.on('data', (data) => connection.socket.write(`echo ${data}`))
    },
    schema: { response: { 200: Type.Object({ ok: Type.Boolean() }) } },
    handler: () => ({ ok: true }),
  })
  const echo = defineRoute({
    method: 'POST',
    url: '/echo',
    operationId: 'echo',
    tags: ['test'],
    summary: 'Says it again',
    permission: null,
    schema: { body: Type.Object({ text: Type.String() }), response: { 200: Type.Object({ text: Type.String() }) } },
    handler: (_ctx, { body }) => body,
  })
  const route = { ...routeOf(find, undefined, lane), rateLimit }
  const clock = new TestClock()
  const http = await openApp(
    [route, socket, echo],
    { anonymousRateLimit: UNREACHED, ...options },
    { metrics, ...(limitStore && { limitStore }), ...(options.drainDelayMs === undefined ? {} : { clock }) },
  )
  let requests = 0
  http.app.server.prependListener('request', () => requests++)
  Object.assign(http.app.server, serve)
  const url = await http.listen()
  return {
    http,
    url,
    metrics,
    handed,
    clock,
    /** Requests that Node's parser has read so far. */
    readByNode: () => requests,
    /** A connection on which lanes answer past Node. */
    async taken(): Promise<Wire> {
      const wire = await openWire(url)
      for (const name of ['a', 'b']) await ask(wire, get(`/go/${name}`))
      return wire
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}

/** Sends it, and waits for one more whole head of an answer. Gives what came. */
async function ask(wire: Wire, text: string): Promise<string> {
  const had = wire.received.length
  wire.write(text)
  await wire.until(new RegExp(`^[^]{${had}}[^]*\r\n\r\n`))
  return wire.received.slice(had)
}

/** What is sent to a connection and the end of it: all that came back until it was closed. */
async function toTheEnd(wire: Wire, chunks: readonly string[]): Promise<string> {
  const had = wire.received.length
  for (const chunk of chunks) {
    wire.write(chunk)
    await read()
  }
  wire.socket.end()
  return sameAlways((await wire.closed).slice(had))
}

/** Server and client share one loop: after two rounds of it, what was written has been read. */
async function read(): Promise<void> {
  for (let round = 0; round < 2; round++) await new Promise((resolve) => setImmediate(resolve))
}

/** Without what differs from one answer to the next. */
function sameAlways(text: string): string {
  return text
    .replaceAll(/^date: .*$/gim, 'Date: now')
    .replaceAll(/^(x-request-id|ratelimit[\w-]*): .*$/gim, '$1: some')
    .replaceAll(/"requestId":"[^"]*"/g, '"requestId":"some"')
}

const BROWSER =
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html;q=0.9,*/*;q=0.8\r\nAccept-Language: pt-BR,en\r\n'

/** Requests, and whether they are answered past Node. */
const REQUESTS: readonly [what: string, text: string, pastNode: boolean][] = [
  ['the shortest', get('/go/a'), true],
  ['what a browser sends', get('/go/a', `${BROWSER}Connection: keep-alive\r\nCookie: a=b\r\n`), true],
  [
    'names in any case, blanks around values, values without any',
    'GET /go/a?b#c HTTP/1.1\r\nHOST:\t s.example \t\r\nX-Empty:\r\nx-tab: a\tb\r\nConnection:Keep-Alive\r\n\r\n',
    true,
  ],
  ['fields that nobody looks at twice', get('/go/a', 'Cookie: a\r\nCookie: b\r\n'), true],
  ['what the lane does not find', get('/go/none'), false],
  ['another path', get('/nothing'), false],
  ['a page of another origin', get('/go/a', 'Origin: https://other.example\r\n'), false],
  ['another method', get('/go/a').replace('GET', 'HEAD'), false],
  ['the end of the connection', get('/go/a', 'Connection: close\r\n'), false],
  ['the same of an older kind', get('/go/a', 'Proxy-Connection: close\r\n'), false],
  ['a length of none', get('/go/a', 'Content-Length: 0\r\n'), false],
  ['a body', `${get('/go/a', 'Content-Length: 3\r\n')}abc`, false],
  ['chunks', `${get('/go/a', 'Transfer-Encoding: chunked\r\n')}0\r\n\r\n`, false],
  ['both', `${get('/go/a', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`, false],
  ['an expectation', get('/go/a', 'Expect: 100-continue\r\n'), false],
  ['two hosts', get('/go/a', 'Host: other.example\r\n'), false],
  ['no host', 'GET /go/a HTTP/1.1\r\nA: b\r\n\r\n', false],
  ['no fields', 'GET /go/a HTTP/1.1\r\n\r\n', false],
  ['HTTP/1.0', get('/go/a', 'Connection: keep-alive\r\n').replace('1.1', '1.0'), false],
  ['a whole address', get('http://s.example/go/a'), false],
  ['an empty line before it', `\r\n${get('/go/a')}`, false],
  ['one line end too many', `${get('/go/a')}\r\n`, false],
  ['bare LF', get('/go/a').replaceAll('\r\n', '\n'), false],
  ['a bare LF in a value', get('/go/a', 'A: b\nContent-Length: 5\r\n'), false],
  ['a bare CR in a value', get('/go/a', 'A: b\rc\r\n'), false],
  ['a folded line', get('/go/a', 'A: b\r\n c\r\n'), false],
  ['a blank before the colon', get('/go/a', 'Content-Length : 5\r\n'), false],
  ['a name with a blank', get('/go/a', 'A b: c\r\n'), false],
  ['no name', get('/go/a', ': c\r\n'), false],
  ['no colon', get('/go/a', 'Abc\r\n'), false],
  ['NUL in a value', get('/go/a', 'A: \0\r\n'), false],
  ['bytes beyond ASCII in a value', get('/go/a', 'A: \xe4\r\n'), false],
  ['bytes beyond ASCII in the address', get('/go/\xe4'), false],
  ['a blank in the address', get('/go/a b'), false],
  ['a method in lower case', get('/go/a').replace('GET', 'get'), false],
  ['more fields than are looked at', get('/go/a', 'a: b\r\n'.repeat(100)), false],
  ['longer than is looked at', get('/go/a', `A: ${'b'.repeat(8_192)}\r\n`), false],
  ['two at once', get('/go/a') + get('/go/b'), false],
  ['half of one', get('/go/a').slice(0, -2), false],
]

describe('on a connection that lanes answer past Node', () => {
  let opened: Awaited<ReturnType<typeof setup>>
  before(async () => {
    opened = await setup()
  })
  after(() => opened?.[Symbol.asyncDispose]())

  for (const [what, text, pastNode] of REQUESTS) {
    it(`${pastNode ? 'it is answered past Node:' : 'Node answers'} ${what}`, async () => {
      using fresh = await openWire(opened.url)
      const expected = await toTheEnd(fresh, [text])
      using wire = await opened.taken()
      const before = opened.readByNode()
      assert.equal(await toTheEnd(wire, [text]), expected)
      assert.equal(opened.readByNode() === before && expected.includes('x-text: short'), pastNode)
    })
  }

  it('what is broken or odd in any way is answered as Node answers it', async () => {
    const random = dice(7)
    let pastNode = 0
    for (let round = 0; round < ROUNDS; round++) {
      const text = mutated(random)
      using fresh = await openWire(opened.url)
      const expected = await toTheEnd(fresh, [text])
      using wire = await opened.taken()
      const before = opened.readByNode()
      assert.equal(await toTheEnd(wire, [text]), expected, JSON.stringify(text))
      if (opened.readByNode() === before && expected.includes('x-text: short')) pastNode++
    }
    assert.ok(pastNode > ROUNDS / 20 && pastNode < ROUNDS / 2, `${pastNode} past Node`)
  })

  it('requests are the same however they are cut, and whatever looks like one is none', async () => {
    const random = dice(11)
    for (let round = 0; round < ROUNDS; round++) {
      const text = conversation(random)
      using fresh = await openWire(opened.url)
      const expected = await toTheEnd(fresh, [text])
      using wire = await opened.taken()
      const chunks = cut(text, random)
      assert.equal(await toTheEnd(wire, chunks), expected, JSON.stringify(chunks))
    }
  })

  it('a request is the same wherever it is cut in two, also as the first that is looked at', async () => {
    const text = get('/go/c', BROWSER)
    using fresh = await openWire(opened.url)
    const expected = await toTheEnd(fresh, [text])
    for (let at = 1; at < text.length; at++) {
      const chunks = [text.slice(0, at), text.slice(at)]
      using wire = await opened.taken()
      assert.equal(await toTheEnd(wire, chunks), expected)
      using other = await openWire(opened.url)
      await ask(other, get('/go/a'))
      assert.equal(await toTheEnd(other, chunks), expected)
    }
  })

  it('nothing in the head or the body of a request is another one, whatever came when the look was taken', async () => {
    const inner = get('/go/smuggled')
    const outer = [
      'GET /go/x HTTP/1.1\r\nHost: s.example\r\nX-Inner: ',
      `GET /go/x HTTP/1.1\r\nHost: s.example\r\nContent-Length: ${inner.length}\r\n\r\n`,
      `POST /echo HTTP/1.1\r\nHost: s.example\r\nContent-Type: text/plain\r\nContent-Length: ${inner.length}\r\n\r\n`,
      'GET /nothing HTTP/1.1\r\nHost: s.example\r\nContent-Length: 500\r\nX-Inner: ',
      'GET /nothing HTTP/1.1\r\nHost: s.example\r\nTransfer-Encoding: chunked\r\nX-Inner: ',
    ]
    const behindFirst = (all: string) => all.slice(all.indexOf('HTTP/1.1 ', 1))
    for (const head of outer) {
      // At once with the first request, whose end Node tells us: what is behind it nobody here has seen. No look is taken
      // behind an answer that is not the lane's.
      const sent = async (first: string) => {
        using wire = await openWire(opened.url)
        return behindFirst(await toTheEnd(wire, [first + head, inner, get('/go/after')]))
      }
      const expected = await sent(get('/go/none'))
      assert.equal(await sent(get('/go/a')), expected, head)
      assert.doesNotMatch(expected, /short smuggled/)
    }
  })
})

describe('what is answered past Node', () => {
  it('is counted among the requests of its route, and takes from its bucket', async () => {
    await using opened = await setup({}, { rateLimit: { capacity: 10, refillPerSecond: 0.001 } })
    using wire = await opened.taken()
    for (let asked = 2; asked < 10; asked++) assert.match(await ask(wire, get('/go/c')), /short c/)
    assert.equal(opened.readByNode(), 2)
    assert.match(await ask(wire, get('/go/c')), /^HTTP\/1\.1 429 /)
    assert.match(
      await opened.metrics.text(),
      /http_request_duration_seconds_count\{method="GET",route="\/go\/:name",status="200"\} 10\n/,
    )
  })

  it('comes back after what Node had to answer', async () => {
    await using opened = await setup()
    using wire = await opened.taken()
    for (const path of ['/go/none', '/nothing', '/go/gone']) {
      await wholeAnswer(wire, get(path))
      const before = opened.readByNode()
      assert.match(await ask(wire, get('/go/c')), /short c/)
      assert.equal(opened.readByNode(), before, path)
    }
  })

  it('has what the lane looks at, of the caller that a trusted proxy names', async () => {
    const seen: unknown[] = []
    const answer: Lane['answer'] = (_found, { headers, url }, address, reply) => {
      seen.push([url, headers['x-looked-at'], address])
      reply.send(302, 'short')
    }
    await using opened = await setup({ trustedProxies: ['127.0.0.1'] }, { lane: { answer, reads: ['x-looked-at'] } })
    using wire = await opened.taken()
    const fields = 'X-Looked-At: \t a b\t\r\nX-Forwarded-For: 198.51.100.7, 203.0.113.7\r\n'
    assert.match(await ask(wire, get('/go/c?d', fields)), /^HTTP\/1\.1 302 Found\r\n/)
    assert.deepEqual(seen.at(-1), ['/go/c?d', 'a b', '203.0.113.7'])
    assert.equal(opened.readByNode(), 2)
  })

  it('is begun here and gone on with by Node when it has to wait, found and paid once', async () => {
    let finds = 0
    const find: Lane['find'] = async (name) => {
      finds++
      if (name === 'broken') throw new Error('away')
      return found(name)
    }
    await using opened = await setup({}, { find, rateLimit: { capacity: 5, refillPerSecond: 0.001 } })
    using wire = await opened.taken()
    assert.match(await ask(wire, get('/go/c')), /short c/)
    assert.match(await wholeAnswer(wire, get('/go/broken')), /long broken/)
    assert.match(await ask(wire, get('/go/d')), /short d/)
    assert.deepEqual([finds, opened.readByNode()], [5, 5])
    // Four on the lane, and one on the long way of what was not found.
    assert.match(await ask(wire, get('/go/e')), /^HTTP\/1\.1 429 /)
  })

  it('is paid once, also where the bucket is elsewhere', async () => {
    const store = createMemoryStore()
    const limitStore: Store = {
      take: async (layers) => store.take(layers),
      settle: async (layers) => store.settle(layers),
    }
    await using opened = await setup({}, { limitStore, rateLimit: { capacity: 6, refillPerSecond: 0.001 } })
    using wire = await opened.taken()
    for (const name of ['c', 'd', 'e', 'f']) assert.match(await ask(wire, get(`/go/${name}`)), /short \w\r\n/)
    assert.match(await ask(wire, get('/go/g')), /^HTTP\/1\.1 429 /)
  })

  it('is over for a connection on which something came while Node had to wait', async () => {
    const waiting = Promise.withResolvers<void>()
    const find: Lane['find'] = (name) => (name === 'slow' ? waiting.promise.then(() => found(name)) : found(name))
    await using opened = await setup({}, { find })
    using wire = await opened.taken()
    wire.write(get('/go/slow'))
    await read()
    wire.write('GET /go/c HTTP/1.1\r\nHost: s.example\r\nX-Inner: ')
    await read()
    waiting.resolve()
    await wire.until(/short slow\r\n[\s\S]*\r\n\r\n/)
    assert.match(await ask(wire, get('/go/smuggled')), /short c\r\n/)
    assert.match(await ask(wire, get('/go/d')), /short d\r\n/)
    assert.equal(opened.readByNode(), 5)
  })

  it('is Node’s when it cannot be said in a header; and is cut off when it fails behind its answer', async () => {
    const answer: Lane['answer'] = (_found, { url }, _address, reply) => {
      reply.send(200, url === '/go/odd' ? 'a\r\nset-cookie: b' : 'short')
      if (url === '/go/late') throw new Error('too late')
    }
    await using opened = await setup({}, { lane: { answer } })
    using wire = await opened.taken()
    assert.match(await wholeAnswer(wire, get('/go/odd')), /long odd/)
    assert.doesNotMatch(wire.received, /set-cookie/)
    wire.write(get('/go/late'))
    await wire.closed
  })

  it('leaves a connection to become a WebSocket', async () => {
    await using opened = await setup()
    using wire = await opened.taken()
    await ask(wire, get('/go/c'))
    await ask(wire, get('/socket', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
    assert.equal(opened.handed.length, 1)
    wire.write(get('/go/d'))
    assert.match(await wire.until(/echo GET/), /101 Switching Protocols\r\n\r\necho GET \/go\/d HTTP/)
    opened.handed[0]?.socket.destroy()
  })

  it('reaches a client that closes its side behind the request', async () => {
    await using opened = await setup()
    using wire = await opened.taken()
    wire.socket.end(get('/go/c'))
    assert.match(await wire.closed, /short c\r\n/)
  })

  it('goes on reading what follows a thousand requests that came at once', async () => {
    await using opened = await setup()
    using wire = await openWire(opened.url)
    wire.write(get('/go/c').repeat(1_000))
    const count = () => wire.received.split('HTTP/1.1 ').length - 1
    while (count() < 1_000) await inTime(once(wire.socket, 'data'), 'a thousand answers')
    wire.write(get('/go/d'))
    while (!wire.received.includes('short d')) await inTime(once(wire.socket, 'data'), 'the answer to one more')
  })

  it('waits for a client that sends and does not read, in bounded memory', async () => {
    await using opened = await setup({}, { lane: { headers: { 'x-long': 'x'.repeat(8_000) } } })
    let server: Socket | undefined
    opened.http.app.server.once('connection', (socket) => {
      server = socket
    })
    using wire = await opened.taken()
    const before = opened.readByNode()
    const length = (await ask(wire, get('/go/c'))).length
    const had = wire.received.length
    wire.socket.pause()
    let sent = 0
    const send = async () => {
      wire.write(get('/go/c'))
      sent++
      await read()
    }
    while (opened.readByNode() === before && sent < 10_000) await send()
    assert.ok(sent < 10_000, 'Node has it as soon as the client does not keep up')
    for (let more = 0; more < 200; more++) await send()
    assert.ok((server?.writableLength ?? 0) < 200_000, `${server?.writableLength} bytes wait`)
    assert.equal(opened.readByNode(), before + 1, 'and reads no more')
    wire.socket.resume()
    while (wire.received.length < had + sent * length) await inTime(once(wire.socket, 'data'), 'the rest')
    assert.equal(wire.received.length, had + sent * length)
  })
})

describe('the limits of Node hold on a connection that lanes answer past it', () => {
  it('it may live longer than one request, and is closed when it idles', async () => {
    const opened = await setup(
      {},
      { serve: { headersTimeout: 400, requestTimeout: 400, connectionsCheckingInterval: 50 } },
    )
    await using _opened = opened
    const { server } = opened.http.app
    Object.assign(server, { keepAliveTimeout: 800, keepAliveTimeoutBuffer: 0 })
    using wire = await opened.taken()
    const begun = performance.now()
    while (performance.now() - begun < 1_200) {
      await ask(wire, get('/go/c'))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.equal(opened.readByNode(), 2)
    const asked = performance.now()
    await wire.closed
    const idled = performance.now() - asked
    assert.ok(idled > 600, `after ${idled} ms`)
  })

  it('a request that does not end is ended', async () => {
    await using opened = await setup(
      {},
      { serve: { headersTimeout: 400, requestTimeout: 400, connectionsCheckingInterval: 50 } },
    )
    using wire = await opened.taken()
    await ask(wire, get('/go/c'))
    wire.write(get('/go/d').slice(0, -2))
    assert.match((await wire.closed).slice(-1_000), /HTTP\/1\.1 408 /)
  })

  it('a drain closes it when it idles', async () => {
    await using opened = await setup({ drainTimeoutMs: 600_000 })
    using wire = await opened.taken()
    await ask(wire, get('/go/c'))
    await inTime(opened.http.drain(), 'the end of the drain')
    await wire.closed
  })

  it('and ends it with its next answer while balancers are told', async () => {
    await using opened = await setup({ drainDelayMs: 5_000 })
    using wire = await opened.taken()
    await ask(wire, get('/go/c'))
    const drained = opened.http.drain()
    await opened.clock.sleeping()
    assert.match(await ask(wire, get('/go/d')), /short d\r\n[\s\S]*connection: close\r\n/i)
    await wire.closed
    await opened.clock.advance(5_000)
    await drained
  })

  it('a server that allows each connection some requests counts all of them', async () => {
    await using opened = await setup({}, { serve: { maxRequestsPerSocket: 4 } })
    using wire = await openWire(opened.url)
    for (const name of ['a', 'b', 'c']) await ask(wire, get(`/go/${name}`))
    assert.match(await ask(wire, get('/go/d')), /short d\r\n[\s\S]*connection: close\r\n/i)
  })
})

/** Sends it, and waits for an answer with its body, which is as long as it says. */
async function wholeAnswer(wire: Wire, text: string): Promise<string> {
  const had = wire.received.length
  const head = await ask(wire, text)
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
  const begun = had + head.indexOf('\r\n\r\n') + 4
  await wire.until(new RegExp(`^[^]{${begun + length}}`))
  return wire.received.slice(had)
}

/** Numbers below a bound, the same in each run. */
function dice(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % below
  }
}

const ROUNDS = 1_500

const PIECES = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\r\n ',
    ' ',
    '\t',
    ':',
    ': ',
    '\0',
    '\x7f',
    '\x80',
    '\xff',
    '#',
    '?',
    '/',
    '"',
    '{',
    ',',
  ],
  ...[
    'Content-Length: 0\r\n',
    'Content-Length: 7\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Host: b.example\r\n',
    'Host:\r\n',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: upgrade\r\n',
    'Upgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
    'TE: trailers\r\n',
  ],
  ...[
    'Origin: https://b.example\r\n',
    'X-Forwarded-For: 192.0.2.1\r\n',
    'A: b\r\n',
    'a:\r\n',
    '__proto__: a\r\n',
    'constructor: a\r\n',
  ],
  ...['GET ', 'get ', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', get('/go/d')],
]

/** A request with up to three mistakes. */
function mutated(random: (below: number) => number): string {
  let text = get(['/go/a', '/go/none', '/go/a?b', '/x', '/go/%00'][random(5)] as string, random(2) ? BROWSER : '')
  for (let mistakes = random(4); mistakes > 0; mistakes--) {
    const at = random(text.length + 1)
    const piece = PIECES[random(PIECES.length)] as string
    const line = text.indexOf('\r\n', at) + 2
    if (random(3) === 0 && line > 1) text = text.slice(0, line) + piece + text.slice(line)
    else text = text.slice(0, at) + (random(4) ? piece : '') + text.slice(at + random(3))
  }
  return text
}

const INNER = get('/go/smuggled')

/** Some whole requests, with and without bodies that look like requests. */
function conversation(random: (below: number) => number): string {
  const post = 'POST /echo HTTP/1.1\r\nHost: s.example\r\nContent-Type: application/json\r\n'
  const json = JSON.stringify({ text: INNER })
  const kinds = [
    get('/go/a'),
    get('/go/b', BROWSER),
    get('/go/none'),
    get('/nothing'),
    get('/go/a', `Content-Length: ${INNER.length}\r\n`) + INNER,
    `${post}Content-Length: ${json.length}\r\n\r\n${json}`,
    `${post}Content-Length: ${INNER.length}\r\n\r\n${INNER}`,
    `${post}Transfer-Encoding: chunked\r\n\r\n${INNER.length.toString(16)}\r\n${INNER}\r\n0\r\n\r\n`,
  ]
  return Array.from({ length: 1 + random(5) }, () => kinds[random(kinds.length)]).join('')
}

function cut(text: string, random: (below: number) => number): string[] {
  const chunks: string[] = []
  for (let at = 0; at < text.length; ) {
    // Often where a request begins: that is what looks like a whole one.
    const next = text.indexOf('GET ', at + 1)
    const to = random(2) && next > 0 ? next : at + 1 + random(120)
    chunks.push(text.slice(at, to))
    at = to
  }
  return chunks
}
