import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StoaError } from '@stoa/kernel'
import { callerSchema } from '../src/index.ts'

function refused(schema: unknown): readonly [pointer: string, code: string, message: string] {
  try {
    callerSchema(schema, '/body/schema')
  } catch (error) {
    assert.ok(error instanceof StoaError)
    const [field] = error.fields ?? []
    assert.equal(error.code, 'validation_failed')
    return [field?.pointer ?? '', field?.code ?? '', field?.message ?? '']
  }
  return ['', '', '']
}

describe('a JSON Schema of a caller', () => {
  it('checks values, and says what is wrong as everywhere', () => {
    const { errorsOf } = callerSchema(
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        required: ['url'],
        additionalProperties: false,
        properties: {
          url: { type: 'string', format: 'uri', maxLength: 20 },
          width: { type: ['integer', 'null'], minimum: 1 },
          how: { anyOf: [{ const: 'fit' }, { const: 'fill' }] },
        },
      },
      '/body/schema',
    )
    const wrong = (value: unknown) => errorsOf(value, '/body/input').map(({ code, pointer }) => `${pointer} ${code}`)
    assert.deepEqual(wrong({ url: 'https://a.example', width: null, how: 'fit' }), [])
    assert.deepEqual(wrong({}), ['/body/input/url required'])
    assert.deepEqual(wrong({ url: 'nonsense' }), ['/body/input/url wrong_format'])
    assert.deepEqual(wrong({ url: 'https://a.example', width: 0 }), ['/body/input/width too_small'])
    assert.deepEqual(wrong({ url: 'https://a.example', how: 'x' }), ['/body/input/how not_allowed'])
    assert.deepEqual(wrong({ url: 'https://a.example', more: 1 }), ['/body/input/more unknown_field'])
    assert.deepEqual(wrong([]), ['/body/input wrong_type'])
  })

  it('leaves values as they are', () => {
    const value = {}
    callerSchema({ type: 'object', properties: { a: { default: 1 } } }, '').errorsOf(value, '')
    assert.deepEqual(value, {})
  })

  it('that could take for ever is refused by the name of its keyword', () => {
    for (const word of ['pattern', 'patternProperties', '$ref', '$defs', 'uniqueItems', '$id', '__proto__x', 'if']) {
      const [pointer, code, message] = refused({ properties: { a: { [word]: '(a+)+$' } } })
      assert.deepEqual([pointer, code], [`/body/schema/properties/a/${word}`, 'unknown_field'])
      assert.match(message, /not taken here\. These are: .*maxLength/)
    }
  })

  it('that is none, is too large or too deep is refused', () => {
    for (const nonsense of [null, 7, 'x', [], true]) assert.equal(refused(nonsense)[1], 'wrong_type')
    assert.equal(refused({ description: 'x'.repeat(17_000) })[1], 'too_long')
    let deep: object = {}
    for (let at = 0; at < 20; at++) deep = { items: deep }
    assert.equal(refused(deep)[1], 'too_long')
    assert.match(refused({ type: 'strnig' })[2], /is not a JSON Schema/)
    assert.match(refused({ required: 'a' })[2], /is not a JSON Schema/)
    assert.match(refused({ format: 'no-such' })[2], /is not a JSON Schema/)
    assert.equal(refused({ properties: { a: 7 } })[0], '/body/schema/properties/a')
    assert.match(refused({ properties: 7 })[2], /is not a JSON Schema/)
  })
})
