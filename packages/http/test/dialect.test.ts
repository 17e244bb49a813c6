import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errors, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { type Dialect, defineRoute, openapiDocument } from '../src/index.ts'
import { openApp, send } from './setup.ts'

const scim: Dialect = {
  mediaType: 'application/scim+json',
  problemSchema: Type.Object({ status: Type.String(), detail: Type.String() }, { title: 'OtherProblem' }),
  problem: ({ detail, status }) => ({ status: String(status), detail }),
}
const Body = Type.Object({ text: Type.String({ examples: ['hello'] }) })
const say = defineRoute({
  method: 'POST',
  url: '/say',
  operationId: 'sayIt',
  tags: ['test'],
  summary: 'Says it again',
  permission: null,
  dialect: scim,
  schema: { body: Body, response: { 200: Body } },
  handler(_ctx, { body }) {
    if (body.text === 'no') throw new StoaError(errors.conflict)
    return body
  },
})
const plain = defineRoute({ ...say, url: '/plain', operationId: 'sayPlain', dialect: undefined } as never)

async function setup() {
  const http = await openApp([say, plain])
  const post = (url: string, type: string, body: object) =>
    send(http, null, { method: 'POST', url, headers: { 'content-type': type }, payload: JSON.stringify(body) })
  return { post, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() }
}

describe('a route that speaks as another standard does', () => {
  test('takes its media type and plain JSON, and answers in its own', async () => {
    await using app = await setup()
    for (const type of ['application/scim+json', 'application/scim+json; charset=utf-8', 'application/json']) {
      const answer = await app.post('/say', type, { text: 'hello' })
      assert.deepEqual([answer.status, answer.body], [200, { text: 'hello' }])
      assert.equal(answer.headers['content-type'], 'application/scim+json; charset=utf-8')
    }
  })

  test('refuses in its words, whoever refuses', async () => {
    await using app = await setup()
    const conflict = await app.post('/say', 'application/scim+json', { text: 'no' })
    assert.deepEqual([conflict.status, Object.keys(conflict.body)], [409, ['status', 'detail']])
    assert.match(conflict.headers['content-type'] ?? '', /^application\/scim\+json/)
    const invalid = await app.post('/say', 'application/scim+json', { text: 7 })
    assert.equal(invalid.body.status, '422')
  })

  test('leaves the others as they are: they do not take its media type', async () => {
    await using app = await setup()
    assert.equal((await app.post('/plain', 'application/json', { text: 'hello' })).status, 200)
    const refused = await app.post('/plain', 'application/scim+json', { text: 'hello' })
    assert.deepEqual([refused.status, refused.body.code], [415, 'unsupported_media_type'])
    assert.equal((await app.post('/say', 'application/other+json', { text: 'hello' })).status, 415)
  })

  test('is documented with it, but for an address that cannot be read, which is no route’s', async () => {
    const document = await openapiDocument({ title: 'Test', version: '1', routes: [say, plain], schemes: [] })
    const operation = document.paths['/say']?.post as {
      requestBody: { content: object }
      responses: Record<string, { content: object }>
    }
    assert.deepEqual(Object.keys(operation.requestBody.content), ['application/scim+json'])
    for (const [status, { content }] of Object.entries(operation.responses)) {
      const also = ['400', '414'].includes(status) ? ['application/problem+json'] : []
      assert.deepEqual(Object.keys(content), [...also, 'application/scim+json'], status)
    }
  })
})
