import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type TSchema, Type } from 'typebox'
import { defineRoute } from '../src/index.ts'
import { openApp, send } from './setup.ts'

function routeOf(body: TSchema) {
  return defineRoute({
    method: 'POST',
    url: '/things',
    operationId: 'makeThing',
    tags: ['test'],
    summary: 'Makes a thing',
    permission: null,
    schema: { body, response: { 201: Type.Object({ ok: Type.Boolean() }) } },
    handler: () => ({ ok: true }),
  })
}

describe('a schema with a keyword that JSON Schema does not have', () => {
  const wrong = { minLenght: 3 }
  for (const [where, body] of Object.entries({
    'a field': Type.Object({ name: Type.String(wrong) }),
    'an item': Type.Object({ names: Type.Array(Type.String(wrong)) }),
    'a choice': Type.Object({ name: Type.Union([Type.String(wrong), Type.Null()]) }),
    'a pattern': Type.Object({ names: Type.Record(Type.String(), Type.String(wrong)) }),
    'the whole': Type.Object({}, wrong),
  })) {
    it(`does not start, and says where: in ${where}`, async () => {
      await assert.rejects(
        openApp([routeOf(body)]).then((http) => http.app.ready()),
        /POST \/things, body: 'minLenght' is no keyword, did you mean 'minLength'\?/,
      )
    })
  }

  it('is told from a field of that name, a default, and an example', async () => {
    const name = Type.String({ default: 'a', example: { minLenght: 1 } })
    const body = Type.Object({ minLenght: Type.Optional(name) }, { examples: [{ minLenght: 'b' }] })
    await using http = await openApp([routeOf(body)])
    const answer = await send(http, null, { method: 'POST', url: '/things', payload: { minLenght: 'c' } })
    assert.equal(answer.status, 201)
  })
})
