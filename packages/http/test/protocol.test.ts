/*
 * What only a socket shows: requests that no library sends, and limits that act before there is a request.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { defineRoute, type Http, type HttpOptions } from '../src/index.ts'
import { openApp } from './setup.ts'
import { lastAnswer, openWire } from './wire.ts'

const echo = defineRoute({
  method: 'POST',
  url: '/echo',
  operationId: 'echo',
  tags: ['test'],
  summary: 'Gives back what it gets',
  permission: null,
  schema: { body: Type.Object({ text: Type.String() }), response: { 200: Type.Object({ text: Type.String() }) } },
  handler: (_ctx, { body }) => body,
})

const open = (options: HttpOptions = {}) =>
  openApp([echo], { anonymousRateLimit: { capacity: 10_000, refillPerSecond: 10_000 }, ...options })

let http: Http
let url: string
before(async () => {
  http = await open()
  url = await http.listen()
})
after(() => http[Symbol.asyncDispose]())

const HOST = 'host: stoa.example\r\n'
const JSON_TYPE = 'content-type: application/json\r\n'

/** Sends text, and gives the answer after which the server has closed. */
async function refusalOf(text: string, origin = url) {
  using wire = await openWire(origin)
  wire.write(text)
  const { status, head, body } = lastAnswer(await wire.closed)
  return { status, head, problem: JSON.parse(body) as { code: string; requestId: string } }
}

test('what is not HTTP is a problem and the end of the connection', async () => {
  for (const text of [
    'nonsense\r\n\r\n',
    'GET\r\n\r\n',
    `GET / HTTP/1.1\r\n${HOST}bad header\r\n\r\n`,
    `GET / HTTP/1.1\r\n${HOST}x: a\x00b\r\n\r\n`,
    `GET /\x01 HTTP/1.1\r\n${HOST}\r\n`,
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  ]) {
    const { status, head, problem } = await refusalOf(text)
    assert.deepEqual([status, problem.code], [400, 'invalid_request'], JSON.stringify(text))
    assert.match(head, /content-type: application\/problem\+json/)
    assert.match(head, /connection: close/)
    assert.ok(head.includes(`x-request-id: ${problem.requestId}`))
  }
})

test('a request that two servers could read as different ones is refused', async () => {
  for (const text of [
    `POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}content-length: 13\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}content-length: 13\r\ncontent-length: 14\r\n\r\n`,
    `POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    `POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}content-length: +13\r\n\r\n{"text":"aa"}`,
  ]) {
    const { status, problem } = await refusalOf(text)
    assert.deepEqual([status, problem.code], [400, 'invalid_request'], text)
  }
})

test('headers beyond the limit are 431', async () => {
  const { status, problem } = await refusalOf(`GET / HTTP/1.1\r\n${HOST}x: ${'y'.repeat(20_000)}\r\n\r\n`)
  assert.deepEqual([status, problem.code], [431, 'headers_too_large'])
})

test('an address beyond its limit is 414', async () => {
  using wire = await openWire(url)
  wire.write(`GET /${'x'.repeat(9_000)} HTTP/1.1\r\n${HOST}\r\n`)
  const { status, body } = lastAnswer(await wire.until(/\}$/))
  assert.deepEqual([status, JSON.parse(body).code], [414, 'uri_too_long'])
})

test('a body that says it is too large is refused before it comes', async () => {
  using wire = await openWire(url)
  wire.write(`POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}content-length: 10000000\r\n\r\n`)
  const { status, body } = lastAnswer(await wire.until(/\}$/))
  assert.deepEqual([status, JSON.parse(body).code], [413, 'payload_too_large'])
})

test('a body that does not say how large it is, is cut off at the limit', async () => {
  using wire = await openWire(url)
  wire.write(`POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}transfer-encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  for (let sent = 0; sent < 2_000_000; sent += 65_536) wire.write(chunk)
  const { status, body } = lastAnswer(await wire.until(/\}$/))
  assert.deepEqual([status, JSON.parse(body).code], [413, 'payload_too_large'])
})

test('a body that is shorter than it said ends with the connection, and harms nobody', async () => {
  using wire = await openWire(url)
  wire.write(`POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}content-length: 100\r\n\r\n{"text":`)
  wire.socket.end()
  await wire.closed
  const answer = await fetch(`${url}/echo`, {
    method: 'POST',
    body: '{"text":"a"}',
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(answer.status, 200)
})

test('requests that come slowly are 408, headers and bodies alike', async () => {
  await using slow = await open({ headersTimeoutMs: 1000, requestTimeoutMs: 1000 })
  const origin = await slow.listen()
  for (const text of [
    `GET / HTTP/1.1\r\n${HOST}`,
    `POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}content-length: 100\r\n\r\n{"text":`,
  ]) {
    const { status, problem } = await refusalOf(text, origin)
    assert.deepEqual([status, problem.code], [408, 'request_timeout'])
  }
})

test('connections beyond the limit are not taken', async () => {
  await using small = await open({ maxConnections: 1 })
  const origin = await small.listen()
  using first = await openWire(origin)
  first.write(`GET /nothing HTTP/1.1\r\n${HOST}\r\n`)
  await first.until(/not_found/)
  using second = await openWire(origin)
  second.write(`GET /nothing HTTP/1.1\r\n${HOST}\r\n`)
  assert.equal(await second.closed, '')
  first.write(`GET /nothing HTTP/1.1\r\n${HOST}\r\n`)
  await first.until(/not_found[\s\S]*not_found/)
})

test('several requests that come at once are answered in their order', async () => {
  using wire = await openWire(url)
  const post = (text: string) => {
    const body = JSON.stringify({ text })
    return `POST /echo HTTP/1.1\r\n${HOST}${JSON_TYPE}content-length: ${body.length}\r\n\r\n${body}`
  }
  wire.write(post('one') + post('two') + post('three'))
  const received = await wire.until(/three/)
  assert.deepEqual(
    [...received.matchAll(/"text":"(\w+)"/g)].map(([, text]) => text),
    ['one', 'two', 'three'],
  )
})
