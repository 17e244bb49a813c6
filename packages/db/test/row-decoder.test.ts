import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeParameter } from '../src/parameters.ts'
import { camelCase, parseArray, rowDecoder } from '../src/row-decoder.ts'

test('an array literal reads back as it was written, whatever its elements hold', () => {
  const element = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('NULL', 'null', '', '{', '}', ',', '"', '\\', ' '),
    fc.constant(null),
  )
  fc.assert(
    fc.property(fc.array(element), (values) => {
      assert.deepEqual(parseArray(encodeParameter(values) as string, null), values)
    }),
  )
})

test('nested arrays read back too', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer(), { minLength: 1 }), { minLength: 1 }), (values) => {
      assert.deepEqual(parseArray(encodeParameter(values) as string, Number), values)
    }),
  )
})

test('column names become camelCase, and a leading underscore stays', () => {
  assert.equal(camelCase('created_at'), 'createdAt')
  assert.equal(camelCase('a_b_c'), 'aBC')
  assert.equal(camelCase('line_1'), 'line1')
  assert.equal(camelCase('_hidden'), '_hidden')
  assert.equal(camelCase('?column?'), '?column?')
})

test('timestamps keep their milliseconds and their offset', () => {
  const decode = rowDecoder([{ name: 'at', dataTypeID: 1184 }])
  const read = (text: string): unknown => (decode([text]).at as Date).toISOString()
  assert.equal(read('2026-11-21 12:00:00.123456+00'), '2026-11-21T12:00:00.123Z')
  assert.equal(read('2026-11-21 12:00:00+05:30'), '2026-11-21T06:30:00.000Z')
  assert.equal(read('2026-11-21 12:00:00-03'), '2026-11-21T15:00:00.000Z')
})

test('what has no PostgreSQL value is refused as a parameter', () => {
  for (const value of [() => 1, Symbol('x'), new Date(Number.NaN)])
    assert.throws(() => encodeParameter(value), TypeError)
})
