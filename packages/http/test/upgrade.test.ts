import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { callerOf, defineRoute, EVENT_STREAM, openEventStream, type UpgradedConnection } from '../src/index.ts'
import { openApp } from './setup.ts'
import { lastAnswer, openWire } from './wire.ts'

async function setup() {
  const handed: UpgradedConnection[] = []
  const open = defineRoute({
    method: 'GET',
    url: '/open',
    operationId: 'open',
    tags: ['test'],
    summary: 'A WebSocket, or an answer',
    permission: null,
    upgrade: (_ctx, connection) => {
      handed.push(connection)
      connection.socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\ntaken')
    },
    schema: { response: { 200: Type.Object({ ok: Type.Boolean() }) } },
    handler: () => ({ ok: true }),
  })
  const events = defineRoute({
    method: 'GET',
    url: '/events',
    operationId: 'events',
    tags: ['test'],
    summary: 'A stream',
    permission: null,
    schema: { response: { 200: { content: { [EVENT_STREAM]: { schema: Type.String() } } } } },
    async handler(_ctx, _request, reply) {
      assert.equal(callerOf(reply).principal, null)
      const stream = openEventStream(reply)
      stream.write('data: 1\n\n')
      stream.end('data: 2\n\n')
      return ''
    },
  })
  const http = await openApp([open, events], { corsOrigins: ['https://app.example'] })
  return { http, url: await http.listen(), handed }
}

const upgrade = (path: string, protocol: string, more = '') =>
  `GET ${path} HTTP/1.1\r\nhost: stoa.example\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n${more}\r\n`

test('a route that upgrades is handed the socket, its head, and who is there; without the header it answers', async () => {
  const { http, url, handed } = await setup()
  using wire = await openWire(url)
  wire.write(`${upgrade('/open?x=1', 'websocket')}head`)
  assert.match(await wire.closed, /^HTTP\/1\.1 101 [\s\S]*taken$/)
  assert.equal(handed.length, 1)
  assert.deepEqual(
    [handed[0]?.principal, handed[0]?.credentials],
    [null, { ip: '127.0.0.1', headers: {}, again: true }],
  )
  assert.equal(String(handed[0]?.head), 'head')
  assert.deepEqual(await (await fetch(`${url}/open`)).json(), { ok: true })
  await http[Symbol.asyncDispose]()
})

test('an upgrade that nobody takes is answered as if it had not been asked for', async () => {
  const { http, url, handed } = await setup()
  for (const [path, protocol, status] of [
    ['/open', 'h2c', 200],
    ['/nothing', 'websocket', 404],
    ['/events', 'websocket', 200],
  ] as const) {
    using wire = await openWire(url)
    wire.write(upgrade(path, protocol))
    await wire.until(/ok|not_found|data: 2/)
    assert.equal(lastAnswer(wire.received).status, status, path)
  }
  assert.equal(handed.length, 0)
  await http[Symbol.asyncDispose]()
})

test('a page of another origin is refused with a problem, and the connection closed', async () => {
  const { http, url, handed } = await setup()
  using wire = await openWire(url)
  wire.write(upgrade('/open', 'websocket', 'origin: https://evil.example\r\n'))
  const answer = lastAnswer(await wire.closed)
  assert.deepEqual([answer.status, JSON.parse(answer.body).code], [403, 'forbidden'])
  assert.equal(handed.length, 0)
  for (const origin of ['https://app.example', 'http://stoa.example']) {
    using other = await openWire(url)
    other.write(upgrade('/open', 'websocket', `origin: ${origin}\r\n`))
    await other.until(/taken/)
  }
  await http[Symbol.asyncDispose]()
})

test('a stream has the headers that proxies need, also for HEAD, and ends when its handler says so', async () => {
  const { http, url } = await setup()
  const response = await fetch(`${url}/events`, { headers: { origin: 'https://app.example' } })
  assert.equal(await response.text(), 'data: 1\n\ndata: 2\n\n')
  const header = (name: string) => response.headers.get(name)
  assert.equal(header('content-type'), 'text/event-stream; charset=utf-8')
  assert.equal(header('x-accel-buffering'), 'no')
  assert.equal(header('cache-control'), 'no-store, no-transform')
  assert.equal(header('access-control-allow-origin'), 'https://app.example')
  assert.match(header('vary') ?? '', /Origin/)
  assert.ok(header('x-request-id'))
  const head = await fetch(`${url}/events`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
  await http[Symbol.asyncDispose]()
})

test('who does not wait for an answer before the upgrade is cut off, and nobody else notices', async () => {
  const { handed, http, url } = await setup()
  using wire = await openWire(url)
  wire.write(`GET /nothing HTTP/1.1\r\nhost: stoa.example\r\n\r\n${upgrade('/open', 'websocket')}`)
  await wire.closed
  assert.deepEqual(handed, [])
  assert.deepEqual(await (await fetch(`${url}/open`)).json(), { ok: true })
  await http[Symbol.asyncDispose]()
})
