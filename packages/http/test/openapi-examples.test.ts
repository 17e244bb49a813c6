import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Type } from 'typebox'
import { Id, Nullable, OneOf, PageOf, Timestamp } from '../src/index.ts'
import { exampleOf } from '../src/openapi-examples.ts'

const example = (schema: object) => exampleOf(schema as Record<string, unknown>)

describe('the example of a body', () => {
  it('is put together from the fields: their own examples, defaults, words, formats and least numbers', () => {
    const Chair = Type.Object({
      id: Id,
      name: Type.String({ examples: ['Throne'] }),
      wood: Type.String({ default: 'oak' }),
      state: OneOf(['whole', 'broken']),
      kind: Type.Literal('chair'),
      legs: Type.Integer({ minimum: 3 }),
      madeAt: Timestamp,
      soldAt: Type.Union([Type.String(), Type.Null()]),
      folds: Type.Boolean(),
    })
    const chair = {
      id: '019b76da-a800-7000-8000-000000000001',
      name: 'Throne',
      wood: 'oak',
      state: 'whole',
      kind: 'chair',
      legs: 3,
      madeAt: '2026-01-01T09:30:00.000Z',
      soldAt: null,
      folds: true,
    }
    assert.deepEqual(example(Chair), chair)
    assert.deepEqual(example(PageOf(Chair)), { data: [chair], nextCursor: null })
  })

  it('leaves out a field that may be absent and says nothing; without one that must be there, there is no example', () => {
    assert.deepEqual(example(Type.Object({ note: Type.Optional(Type.String()), legs: Type.Integer() })), { legs: 1 })
    assert.equal(example(Type.Object({ note: Type.String() })), undefined)
    assert.equal(example(PageOf(Type.Object({ note: Nullable(Type.String()) }))), undefined)
  })

  it('prefers an example of the whole to one of its parts, also when that is null', () => {
    const parts = { legs: Type.Integer({ examples: [4] }) }
    assert.deepEqual(example(Type.Object(parts, { examples: [{ legs: 5 }] })), { legs: 5 })
    assert.equal(example(Nullable({ ...Timestamp, examples: [null] } as typeof Timestamp)), null)
  })
})
