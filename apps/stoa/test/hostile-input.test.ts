/*
 * What nobody should send, sent to every place of every operation of the document. Whatever comes back is in the
 * document, is no failure on our side, and names the place at fault. What is accepted does what it says and nothing
 * else.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type ApiCall,
  type ApiOperation,
  addressOf,
  apiOperations,
  engines,
  type JsonSchema,
  rowDifferences,
  type Suite,
  type TestAnswer,
  type TestClient,
  type TestRequest,
  tenantRows,
} from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { apiCalls, forPrograms } from './api-calls.ts'
import { assertDocumented } from './documented.ts'
import { documentOf, FORM_ON, newAddress, startProgram } from './suite.ts'

/** Text that would do harm where text and SQL are mixed: whichever quotes it gets into, it ends them. */
const SQL = [
  "'; drop table links; -- ' or '1'='1 ' union select * from stoa.api_keys --",
  "x'); select pg_sleep(30); -- \\'; delete from stoa.tenants; --",
  '"; drop schema stoa cascade; -- {"$ne": null}',
  "$1 $$ /* '' \\",
  '%',
  '_',
  'null',
]
const JSON_TYPE = { 'content-type': 'application/json' }
/** Fields that no body has. */
const UNKNOWN = ['unknown', 'tenantId', 'id', 'tenant_id', 'permissions', 'version', 'toString', '']
/** A key is let through only so often. */
const REQUESTS_OF_A_KEY = 15

interface Problem {
  readonly code: string
  readonly errors?: readonly { readonly pointer: string; readonly code: string }[]
}

for (const engine of engines) {
  describe(`hostile input, on ${engine}`, () => {
    let suite: Suite<Stoa>
    let operations: readonly ApiOperation[]
    const calls = new Map<string, ApiCall>()
    let client: TestClient
    let sent = 0

    before(async () => {
      suite = await startProgram(engine)
      operations = apiOperations(forPrograms(await documentOf(suite)))
      for (const { id, parameters } of operations) {
        const call = await apiCalls[id]?.(await suite.client())
        const anyVersion = parameters.some(({ name }) => name === 'If-Match') && { 'if-match': '*' }
        calls.set(id, { ...call, headers: { ...call?.headers, ...anyVersion } })
      }
    })
    after(() => suite?.[Symbol.asyncDispose]())

    const callOf = ({ id }: ApiOperation) => calls.get(id) ?? assert.fail(id)

    /** Sends, and checks what holds for every answer. */
    async function send(operation: ApiOperation, address: string, request: TestRequest): Promise<TestAnswer<Problem>> {
      if (sent % REQUESTS_OF_A_KEY === 0) client = await suite.client()
      sent += 1
      const headers = { ...newAddress(), ...callOf(operation).headers, ...request.headers }
      const answer = await client.send<Problem>(operation.method, address, { ...request, headers })
      if (answer.status >= 500)
        assert.fail(`${address} ${JSON.stringify(request).slice(0, 300)}: ${JSON.stringify(answer)}`)
      assertDocumented(operation, answer)
      return answer
    }
    const sendCall = (operation: ApiOperation, change: ApiCall) => {
      const call = { ...callOf(operation), ...change }
      return send(operation, addressOf(operation, call), call.body ? { body: call.body } : {})
    }
    const sendRaw = (operation: ApiOperation, body: string, headers: Record<string, string> = JSON_TYPE) =>
      send(operation, addressOf(operation, callOf(operation)), { body, headers })

    function assertProblem(answer: TestAnswer<Problem>, status: number, code: string, pointer?: string): void {
      const { body } = answer
      assert.deepEqual([answer.status, body?.code], [status, code], JSON.stringify(body))
      if (pointer === undefined) return
      assert.ok(
        body.errors?.some((error) => error.pointer === pointer || error.pointer.startsWith(`${pointer}/`)),
        `${pointer} is not named: ${JSON.stringify(body.errors)}`,
      )
    }

    /** One test for each operation of a kind. */
    function each(
      rule: string,
      kind: (operation: ApiOperation) => boolean,
      check: (operation: ApiOperation) => Promise<void>,
    ): void {
      test(rule, async (t) => {
        const chosen = operations.filter(kind)
        assert.ok(chosen.length > 1, `${chosen.length} operations`)
        for (const operation of chosen) await t.test(operation.id, () => check(operation))
      })
    }
    /** The same for what is refused for its form. */
    const eachForm: typeof each = (...rule) => {
      if (engine === FORM_ON) each(...rule)
    }
    const takesBody = (operation: ApiOperation) => operation.body !== null
    const fieldsOf = ({ body }: ApiOperation) => Object.entries(body?.properties ?? {})
    const queryOf = ({ parameters }: ApiOperation) => parameters.filter((parameter) => parameter.in === 'query')

    eachForm('a body that is not JSON, not UTF-8 or not declared as JSON is refused', takesBody, async (operation) => {
      for (const text of ['{', '', 'null', '[]', '{"a":1,}', "{'a':1}", '\ufeff{"a":1}']) {
        const { status } = await sendRaw(operation, text)
        assert.ok(status === 400 || status === 422, `${JSON.stringify(text)}: ${status}`)
      }
      const { body } = callOf(operation)
      for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/jsonp']) {
        const answer = await sendRaw(operation, JSON.stringify(body), { 'content-type': type })
        assertProblem(answer, 415, 'unsupported_media_type')
      }
    })

    eachForm('a body of 10 MB, or one that is 200 deep, is refused', takesBody, async (operation) => {
      assertProblem(await sendRaw(operation, `{"a":"${'x'.repeat(10_000_000)}"}`), 413, 'payload_too_large')
      assertProblem(await sendRaw(operation, `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`), 400, 'json_too_deep')
      assertProblem(await sendRaw(operation, '['.repeat(200) + ']'.repeat(200)), 400, 'json_too_deep')
    })

    eachForm('unknown fields and __proto__ are refused', takesBody, async (operation) => {
      const { body } = callOf(operation)
      // Another standard may want to be passed over in what is not known.
      const names = operation.dialect === null ? UNKNOWN : []
      for (const name of names) {
        const answer = await sendCall(operation, { body: { ...body, [name]: 'x' } })
        assertProblem(answer, 422, 'validation_failed', `/body/${name}`)
      }
      const poison = JSON.stringify(body).slice(1)
      for (const key of ['"__proto__":{"a":1}', '"constructor":{"prototype":{"a":1}}', '"\\u005f_proto__":{}']) {
        assertProblem(await sendRaw(operation, `{${key},${poison}`), 400, 'malformed_json')
      }
    })

    eachForm('a field of the wrong type or length is refused, and nothing is bent', takesBody, async (operation) => {
      const { body } = callOf(operation)
      for (const [name, schema] of fieldsOf(operation)) {
        for (const value of wrongValues(schema)) {
          const answer = await sendCall(operation, { body: { ...body, [name]: value } })
          assert.ok(answer.status === 422, `${name} = ${JSON.stringify(value).slice(0, 80)}: ${answer.status}`)
        }
      }
    })

    eachForm('NUL and lone surrogates are refused in every text', takesBody, async (operation) => {
      const { body } = callOf(operation)
      for (const [name] of fieldsOf(operation)) {
        for (const text of ['"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', '["\\u0000"]', '{"\\u0000":1}']) {
          const raw = JSON.stringify({ ...body, [name]: '@' }).replace('"@"', text)
          assertProblem(await sendRaw(operation, raw), 422, 'validation_failed', `/body/${name}`)
        }
      }
    })

    eachForm(
      'a body is refused where none is expected',
      ({ method, body, takesText }) => method !== 'GET' && body === null && !takesText,
      async (operation) => {
        assertProblem(await sendRaw(operation, '{"a":1}'), 422, 'validation_failed', '/body')
        assertProblem(await sendRaw(operation, '{'), 400, 'malformed_json')
      },
    )

    eachForm(
      'a query that is unknown, doubled, too long or of the wrong type is refused',
      (operation) => queryOf(operation).length > 0,
      async (operation) => {
        const base = addressOf(operation, callOf(operation))
        const address = (search: string) => (base.includes('?') ? `${base}&${search.slice(1)}` : base + search)
        assertProblem(await send(operation, address('?unknown=1'), {}), 422, 'validation_failed', '/query/unknown')
        assertProblem(await send(operation, address('?__proto__=1'), {}), 422, 'validation_failed', '/query/__proto__')
        assertProblem(await send(operation, address(`?a=${'x'.repeat(9_000)}`), {}), 414, 'uri_too_long')
        for (const { name, schema } of queryOf(operation)) {
          for (const value of wrongTexts(schema)) {
            const answer = await send(operation, address(`?${name}=${encodeURIComponent(value)}`), {})
            const refused = answer.status === 422 || (name === 'cursor' && answer.status === 400)
            assert.ok(refused, `${name} = ${value.slice(0, 50)}: ${answer.status}`)
          }
          for (const value of ['%00', 'a%ED%A0%80']) {
            assertProblem(await send(operation, address(`?${name}=${value}`), {}), 422, 'validation_failed', '/query')
          }
          if (schema.type === 'array') continue
          const { status } = await send(operation, address(`?${name}=1&${name}=2`), {})
          assert.equal(status, 422, `${name} twice`)
        }
      },
    )

    each(
      'an id in the path that is none is refused, and finds nothing',
      ({ path }) => path.includes('{'),
      async (operation) => {
        const [{ name = '', schema = {} } = {}] = operation.parameters.filter((parameter) => parameter.in === 'path')
        for (const value of [...SQL, 'x'.repeat(200), '00000000-0000-0000-0000-000000000000', '1e9', 'ａ']) {
          const { status } = await sendCall(operation, { params: { ...callOf(operation).params, [name]: value } })
          const nothing = schema.format === 'uuid' && !value.startsWith('0000') ? [422] : [404]
          assert.ok(nothing.includes(status), `${value}: ${status}`)
        }
        const raw = (value: string) => operation.path.replace(`{${name}}`, value)
        assertProblem(await send(operation, raw('%00'), {}), 422, 'validation_failed', '/params')
        assertProblem(await send(operation, raw('x'.repeat(300)), {}), 414, 'uri_too_long')
        assertProblem(await send(operation, raw('%E0%A4%A'), {}), 400, 'invalid_request')
      },
    )

    test('SQL in every text is text: it is stored as it is, and finds what holds it', async (t) => {
      const content = () => tenantRows(suite.program.db, suite.tenants.neighbour)
      const before = await content()
      for (const operation of operations) {
        await t.test(operation.id, async () => {
          const { body, query } = callOf(operation)
          for (const text of SQL) {
            for (const [name, schema] of fieldsOf(operation)) {
              const value = schema.type === 'array' ? [text] : text
              const answer = await sendCall(operation, { body: { ...body, [name]: value } })
              if (answer.status < 300 && answer.body && !schema.writeOnly)
                assert.ok(JSON.stringify(answer.body).includes(JSON.stringify(text)), text)
            }
            for (const { name } of queryOf(operation)) await sendCall(operation, { query: { ...query, [name]: text } })
          }
        })
      }
      assert.deepEqual(rowDifferences(before, await content()), [])
    })
  })
}

/** Not times, times of days that do not exist, and times that nothing can hold. */
const WRONG_TIMES = [
  'yesterday',
  '0',
  '2026-01-01',
  '2026-13-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-12-31T23:59:60Z',
  '2026-01-01T00:00:00',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+23:59',
  '9999-12-31T23:59:59-23:59',
  '99999-01-01T00:00:00Z',
  "2026-01-01T00:00:00Z' or 1=1",
]

/** Values that the schema of a field does not let pass. */
function wrongValues(schema: JsonSchema): unknown[] {
  const branches = schema.anyOf ?? [schema]
  const types = branches.flatMap(({ type = [] }) => type)
  // It takes everything; what it means is looked at by those who know.
  if (types.length === 0) return []
  const values: unknown[] = [{}, { $ne: null }, [[]], 1e308]
  if (!types.includes('boolean')) values.push(true)
  if (!types.includes('null')) values.push(null)
  if (!types.includes('array')) values.push([], ['x'])
  if (!types.includes('string')) values.push('x')
  if (!types.includes('integer') && !types.includes('number')) values.push(0, -1, 1.5)
  for (const { type, maxLength, minLength, items, format } of branches) {
    if (type === 'array' && items)
      values.push(
        [null],
        [1],
        [{}],
        Array.from({ length: 1_000 }, (_, index) => `t${index}`),
      )
    if (maxLength !== undefined) values.push('x'.repeat(maxLength + 1), '😀'.repeat(maxLength + 1))
    if (minLength) values.push('')
    if (format === 'date-time') values.push(...WRONG_TIMES)
  }
  return values
}

/** Texts that the schema of a parameter does not let pass. */
function wrongTexts(schema: JsonSchema): string[] {
  const { type, format, enum: allowed, maxLength, minimum = 1, anyOf } = schema
  if (anyOf) return ['nonsense', "'; drop table links; --", '']
  if (allowed) return ['nonsense', 'id', '-id', 'createdAt desc', 'createdAt;', '']
  if (format === 'date-time') return [...WRONG_TIMES, '']
  if (type === 'integer')
    return [String(minimum - 1), '-1', '1000000000', '1e9', '1e400', '1.5', 'ten', 'NaN', '9007199254740993', '']
  if (type === 'boolean') return ['perhaps', '2', "' or 1=1 --"]
  return maxLength === undefined ? [] : ['x'.repeat(maxLength + 1)]
}
