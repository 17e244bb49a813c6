import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Type } from 'typebox'
import { defineRoute, type Http, IdParams, PageOf } from '../src/index.ts'
import { type Answer, openApp, send } from './setup.ts'

const echo = defineRoute({
  method: 'POST',
  url: '/echo',
  operationId: 'echo',
  tags: ['test'],
  summary: 'Gives back what it gets',
  permission: null,
  schema: {
    body: Type.Object({
      text: Type.String({ minLength: 1, maxLength: 10 }),
      count: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
      tags: Type.Optional(Type.Array(Type.String(), { maxItems: 3, uniqueItems: true })),
      inner: Type.Optional(Type.Object({ at: Type.String({ format: 'date-time' }) })),
      free: Type.Optional(Type.Record(Type.String(), Type.Any())),
    }),
    response: { 201: Type.Object({ text: Type.String() }) },
  },
  handler: (_ctx, { body }) => ({ text: body.text }),
})

const find = defineRoute({
  method: 'GET',
  url: '/things',
  operationId: 'findThings',
  tags: ['test'],
  summary: 'Finds things',
  permission: null,
  list: { sorts: ['name', '-name'] },
  schema: {
    querystring: Type.Object({ q: Type.Optional(Type.String({ maxLength: 20 })), big: Type.Optional(Type.Boolean()) }),
    response: { 200: PageOf(Type.Object({ name: Type.String() })) },
  },
  handler: (_ctx, { page, query }) => {
    const from = Number(page.after?.[0] ?? 0)
    const rows = Array.from({ length: page.limit + 1 }, (_, index) => ({
      name: `${query.q ?? ''}${from + index + 1}`,
      n: from + index + 1,
    }))
    return page.of(rows, (row) => [row.n])
  },
})

const get = defineRoute({
  method: 'GET',
  url: '/things/:id',
  operationId: 'getThing',
  tags: ['test'],
  summary: 'Gets a thing',
  permission: null,
  schema: { params: IdParams, response: { 200: Type.Object({ id: Type.String() }) } },
  handler: (_ctx, { params }) => ({ id: params.id }),
})

const touch = defineRoute({
  method: 'POST',
  url: '/touch',
  operationId: 'touch',
  tags: ['test'],
  summary: 'Takes no body',
  permission: null,
  schema: { response: { 204: Type.Null() } },
  handler: () => null,
})

const small = defineRoute({
  method: 'POST',
  url: '/small',
  operationId: 'small',
  tags: ['test'],
  summary: 'Takes a small body',
  permission: null,
  bodyLimitBytes: 100,
  schema: { body: Type.Any(), response: { 204: Type.Null() } },
  handler: () => null,
})

let http: Http
before(async () => {
  http = await openApp([echo, find, get, touch, small], {
    anonymousRateLimit: { capacity: 100_000, refillPerSecond: 100_000 },
  })
})
after(() => http[Symbol.asyncDispose]())

const json = { 'content-type': 'application/json' }
const post = (payload: string | Buffer | object, headers: Record<string, string> = json): Promise<Answer> =>
  send(http, null, { method: 'POST', url: '/echo', headers, payload })
const query = (search: string): Promise<Answer> => send(http, null, { url: `/things?${search}` })

function assertProblem(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
  assert.equal(answer.body.code, code)
  assert.equal(answer.body.type, `urn:stoa:error:${code}`)
  assert.equal(answer.body.status, status)
  assert.equal(answer.body.requestId, answer.headers['x-request-id'])
  assert.equal(typeof answer.body.title, 'string')
  assert.equal(typeof answer.body.detail, 'string')
}

function assertInvalid(answer: Answer, pointer: string, code: string): void {
  assertProblem(answer, 422, 'validation_failed')
  const found = answer.body.errors.find((error: { pointer: string }) => error.pointer === pointer)
  assert.equal(found?.code, code, answer.text)
}

describe('a body', () => {
  test('that is valid passes', async () => {
    const answer = await post({ text: 'hello', count: 3, tags: ['a', 'b'], inner: { at: '2026-01-02T03:04:05Z' } })
    assert.equal(answer.status, 201, answer.text)
    assert.deepEqual(answer.body, { text: 'hello' })
  })

  test('that is not JSON is 400, in any of its broken forms', async () => {
    for (const broken of [
      '{',
      '{"text":',
      'nonsense',
      '{"text":"a"}}',
      "{'text':'a'}",
      '{"text":"a\n"}',
      '\u0000',
      '[1,]',
    ]) {
      assertProblem(await post(broken), 400, 'malformed_json')
    }
  })

  test('that is not UTF-8 is 400', async () => {
    assertProblem(await post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 400, 'malformed_json')
    // A surrogate encoded as if it were a character (CESU-8).
    assertProblem(await post(Buffer.from('{"text":"\xed\xa0\x80"}', 'latin1')), 400, 'malformed_json')
  })

  test('of another media type is 415, whatever it holds', async () => {
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      assertProblem(await post('{"text":"a"}', { 'content-type': type }), 415, 'unsupported_media_type')
    }
    assertProblem(await post('{"text":"a"}', { 'content-type': 'nonsense' }), 415, 'unsupported_media_type')
  })

  test('without a media type is 415', async () => {
    const answer = await send(http, null, {
      method: 'POST',
      url: '/echo',
      headers: { 'content-length': '12' },
      payload: Buffer.from('{"text":"a"}'),
    })
    assertProblem(answer, 415, 'unsupported_media_type')
  })

  test('with a charset parameter passes', async () => {
    assert.equal((await post('{"text":"ä"}', { 'content-type': 'application/json; charset=utf-8' })).status, 201)
  })

  test('that is missing is told what is missing', async () => {
    assertInvalid(await send(http, null, { method: 'POST', url: '/echo' }), '/body', 'wrong_type')
    assertInvalid(await post(''), '/body', 'wrong_type')
    assertInvalid(await post({}), '/body/text', 'required')
  })

  test('of the wrong shape altogether is 422', async () => {
    for (const wrong of ['[]', '1', '"text"', 'null', 'true']) assertInvalid(await post(wrong), '/body', 'wrong_type')
  })

  test('is told of all of its errors at once', async () => {
    const answer = await post({
      text: 'x'.repeat(11),
      count: 10,
      tags: ['a', 'a'],
      inner: { at: 'soon', extra: 1 },
      unknown: true,
    })
    assertInvalid(answer, '/body/text', 'too_long')
    assertInvalid(answer, '/body/count', 'too_large')
    assertInvalid(answer, '/body/tags', 'duplicate')
    assertInvalid(answer, '/body/inner/at', 'wrong_format')
    assertInvalid(answer, '/body/inner/extra', 'unknown_field')
    assertInvalid(answer, '/body/unknown', 'unknown_field')
  })

  test('of the wrong types is not bent into the right ones', async () => {
    assertInvalid(await post({ text: 5 }), '/body/text', 'wrong_type')
    assertInvalid(await post({ text: 'a', count: '3' }), '/body/count', 'wrong_type')
    assertInvalid(await post({ text: 'a', count: 1.5 }), '/body/count', 'wrong_type')
    assertInvalid(await post('{"text":"a","count":1e400}'), '/body/count', 'wrong_type')
    assertInvalid(await post({ text: 'a', count: null }), '/body/count', 'wrong_type')
    assertInvalid(await post({ text: 'a', tags: 'b' }), '/body/tags', 'wrong_type')
    assertInvalid(await post({ text: ['a'] }), '/body/text', 'wrong_type')
  })

  test('of 10 MB is 413, without a word being read', async () => {
    assertProblem(await post(`{"text":"${'x'.repeat(10_000_000)}"}`), 413, 'payload_too_large')
  })

  test('above the limit of its route is 413, below it passes', async () => {
    const sendSmall = (length: number) =>
      send(http, null, {
        method: 'POST',
        url: '/small',
        headers: json,
        payload: JSON.stringify('x'.repeat(length - 2)),
      })
    assert.equal((await sendSmall(100)).status, 204)
    assertProblem(await sendSmall(101), 413, 'payload_too_large')
  })

  test('nested 32 deep passes, deeper is 400, and brackets inside strings do not count', async () => {
    const nested = (depth: number) => `{"text":"a","free":${'{"a":'.repeat(depth - 2)}[]${'}'.repeat(depth - 2)}}`
    assert.equal((await post(nested(32))).status, 201)
    assertProblem(await post(nested(33)), 400, 'json_too_deep')
    assertProblem(await post('['.repeat(200) + ']'.repeat(200)), 400, 'json_too_deep')
    assertProblem(await post('['.repeat(1_000_000)), 400, 'json_too_deep')
    assert.equal((await post({ text: 'a', free: { a: `${'['.repeat(100)}\\"${'{'.repeat(100)}` } })).status, 201)
  })

  test('with __proto__ or constructor.prototype is 400 and pollutes nothing', async () => {
    for (const poison of [
      '{"text":"a","__proto__":{"polluted":true}}',
      '{"text":"a","\\u005f_proto__":{"polluted":true}}',
      '{"text":"a","free":{"__proto__":{"polluted":true}}}',
      '{"text":"a","constructor":{"prototype":{"polluted":true}}}',
    ]) {
      const answer = await post(poison)
      assertProblem(answer, 400, 'malformed_json')
      assert.equal(answer.body.title, 'Malformed JSON')
      // It is valid JSON: whoever looks for a comma that is missing finds none.
      assert.match(answer.body.detail, /^The body has a key that is not taken: `__proto__`/)
    }
    assert.match((await post('{"__proto__":')).body.detail, /is not valid JSON/)
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  test('with NUL or a lone surrogate in any text is 422, in keys too', async () => {
    assertInvalid(await post('{"text":"a\\u0000b"}'), '/body/text', 'unsafe_text')
    assertInvalid(await post('{"text":"\\ud800"}'), '/body/text', 'unsafe_text')
    assertInvalid(await post('{"text":"\\udc00\\ud800"}'), '/body/text', 'unsafe_text')
    assertInvalid(await post('{"text":"a","tags":["b","\\uDFFF"]}'), '/body/tags/1', 'unsafe_text')
    assertInvalid(await post('{"text":"a","free":{"x\\u0000":1}}'), '/body/free', 'unsafe_text')
    assert.equal((await post('{"text":"\\ud83d\\ude00"}')).status, 201)
  })

  test('where none is expected is 422, an empty one passes', async () => {
    const touchWith = (payload: string) => send(http, null, { method: 'POST', url: '/touch', headers: json, payload })
    assert.equal((await touchWith('')).status, 204)
    assert.equal((await touchWith('{}')).status, 204)
    assertInvalid(await touchWith('{"a":1}'), '/body', 'unknown_field')
  })

  test('that is huge and wrong everywhere is told of one error, not of all', async () => {
    const answer = await post({ text: 'a', tags: Array.from({ length: 100_000 }, () => 1) })
    assertProblem(answer, 422, 'validation_failed')
    assert.equal(answer.body.errors.length, 1)
  })
})

describe('a query', () => {
  test('that is valid passes, with its numbers and booleans read from text', async () => {
    const answer = await query('limit=2&big=true&q=a')
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(answer.body.data, [{ name: 'a1' }, { name: 'a2' }])
  })

  test('with an unknown field, an unknown sort or a field twice is 422', async () => {
    assertInvalid(await query('colour=red'), '/query/colour', 'unknown_field')
    assertInvalid(await query('sort=secret'), '/query/sort', 'not_allowed')
    assertInvalid(await query('sort=name;drop%20table'), '/query/sort', 'not_allowed')
    assertInvalid(await query('q=a&q=b'), '/query/q', 'wrong_type')
    assertInvalid(await query('__proto__=1'), '/query/__proto__', 'unknown_field')
    assertInvalid(await query(`q=${'x'.repeat(21)}`), '/query/q', 'too_long')
    assertInvalid(await query('big=perhaps'), '/query/big', 'wrong_type')
  })

  test('has a limit of 1 to 100, 20 when not said', async () => {
    assertInvalid(await query('limit=0'), '/query/limit', 'too_small')
    assertInvalid(await query('limit=-5'), '/query/limit', 'too_small')
    assertInvalid(await query('limit=101'), '/query/limit', 'too_large')
    assertInvalid(await query('limit=1000000000'), '/query/limit', 'too_large')
    assertInvalid(await query('limit=1e400'), '/query/limit', 'wrong_type')
    assertInvalid(await query('limit=ten'), '/query/limit', 'wrong_type')
    assertInvalid(await query('limit=1.5'), '/query/limit', 'wrong_type')
    assert.equal((await query('limit=100')).body.data.length, 100)
    assert.equal((await query('')).body.data.length, 20)
  })

  test('with NUL or a lone surrogate is 422', async () => {
    assertInvalid(await query('q=%00'), '/query', 'unsafe_text')
    assertInvalid(await query('q=a%ED%A0%80'), '/query', 'unsafe_text')
    assertInvalid(await query('q=%ed%bf%bf'), '/query', 'unsafe_text')
  })

  test('goes on from its cursor, and never from one that was tampered with', async () => {
    const first = await query('limit=2&q=a')
    const cursor: string = first.body.nextCursor
    const second = await query(`limit=2&q=a&cursor=${cursor}`)
    assert.deepEqual(second.body.data, [{ name: 'a3' }, { name: 'a4' }])
    const [payload = '', tag = ''] = cursor.split('.')
    const forged = Buffer.from('[9000]').toString('base64url')
    for (const bad of [
      `${forged}.${tag}`,
      `${payload}.${tag.slice(0, -2)}AA`,
      payload,
      `${payload}.`,
      `.${tag}`,
      'nonsense',
      '..',
      `${payload}.${tag}${tag}`,
      'x'.repeat(2048),
    ]) {
      assertProblem(await query(`limit=2&q=a&cursor=${bad}`), 400, 'invalid_cursor')
    }
    assertInvalid(await query(`cursor=${'x'.repeat(2049)}`), '/query/cursor', 'too_long')
    assertInvalid(await query('cursor='), '/query/cursor', 'too_short')
  })

  test('does not go on from a cursor of other filters or of another order; another limit is fine', async () => {
    const { nextCursor } = (await query('limit=2&q=a')).body
    assertProblem(await query(`limit=2&q=b&cursor=${nextCursor}`), 400, 'invalid_cursor')
    assertProblem(await query(`limit=2&q=a&sort=-name&cursor=${nextCursor}`), 400, 'invalid_cursor')
    assertProblem(await query(`limit=2&cursor=${nextCursor}`), 400, 'invalid_cursor')
    assert.equal((await query(`limit=50&q=a&cursor=${nextCursor}`)).status, 200)
  })
})

describe('an address', () => {
  test('with an id that is none is 422', async () => {
    assertInvalid(await send(http, null, { url: '/things/17' }), '/params/id', 'wrong_format')
    assertInvalid(await send(http, null, { url: "/things/1'%20or%201=1" }), '/params/id', 'wrong_format')
    assertInvalid(await send(http, null, { url: '/things/%00' }), '/params', 'unsafe_text')
  })

  test('that cannot be decoded is 400', async () => {
    assertProblem(await send(http, null, { url: '/things/%E0%A4%A' }), 400, 'invalid_request')
  })

  test('with a parameter that is too long is 414, and so is one that is too long altogether', async () => {
    assertProblem(await send(http, null, { url: `/things/${'x'.repeat(300)}` }), 414, 'uri_too_long')
    assertProblem(await query(`q=${'x'.repeat(9000)}`), 414, 'uri_too_long')
  })

  test('of nothing is 404, with the wrong method 405 with Allow', async () => {
    assertProblem(await send(http, null, { url: '/nothing' }), 404, 'not_found')
    assertProblem(
      await send(http, null, { method: 'POST', url: '/nothing', headers: json, payload: '{}' }),
      404,
      'not_found',
    )
    assertProblem(await send(http, null, { url: '/things/' }), 422, 'validation_failed')
    const wrong = await send(http, null, { method: 'DELETE', url: '/echo' })
    assertProblem(wrong, 405, 'method_not_allowed')
    assert.equal(wrong.headers.allow, 'POST, OPTIONS')
    assert.equal((await send(http, null, { method: 'PUT', url: '/things' })).headers.allow, 'GET, HEAD, OPTIONS')
    const options = await send(http, null, { method: 'OPTIONS', url: '/things' })
    assert.equal(options.status, 204)
    assert.equal(options.headers.allow, 'GET, HEAD, OPTIONS')
  })
})
