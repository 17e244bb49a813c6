import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Type } from 'typebox'
import { createEventRegistry, defineEvent, type EventInput } from '../src/index.ts'

const created = defineEvent({
  type: 'link.created',
  version: 1,
  description: 'A short link was created.',
  data: Type.Object({ code: Type.String({ minLength: 1 }), target: Type.String() }, { additionalProperties: false }),
})
const data = { code: 'abc', target: 'https://example.org/' }
const registry = createEventRegistry([created])

function refused(code: string, event: EventInput): void {
  assert.throws(() => registry.encode(event), { code })
}

describe('definitions of events', () => {
  it('a type is two or more small words joined by dots', () => {
    for (const type of ['link', 'Link.created', 'link.', '.created', 'link created', `a.${'b'.repeat(100)}`]) {
      assert.throws(() => defineEvent({ ...created, type }), TypeError, type)
    }
    assert.equal(defineEvent({ ...created, type: 'link.click_limit.reached' }).type, 'link.click_limit.reached')
  })

  it('a version is a whole number from 1', () => {
    for (const version of [0, -1, 1.5, 40_000, Number.NaN]) {
      assert.throws(() => defineEvent({ ...created, version }), TypeError)
    }
  })

  it('the same version cannot be defined twice', () => {
    assert.throws(() => createEventRegistry([created, created]), /defined twice/)
  })

  it('the registry lists all definitions, by type and then version, for the documentation', () => {
    const later = defineEvent({ ...created, version: 2 })
    const other = defineEvent({ ...created, type: 'apikey.revoked' })
    const { definitions } = createEventRegistry([later, created, other])
    assert.deepEqual(definitions, [other, created, later])
  })
})

describe('validation of events', () => {
  it('an event that fits its definition becomes JSON text', () => {
    assert.equal(registry.encode(created.of(data, ['link:1'])), JSON.stringify(data))
  })

  it('an unknown type or version is refused', () => {
    refused('event_not_defined', { ...created.of(data, ['link:1']), type: 'link.renamed' })
    refused('event_not_defined', { ...created.of(data, ['link:1']), version: 2 })
    refused('event_not_defined', { ...created.of(data, ['link:1']), type: '__proto__' })
  })

  it('data that does not fit the schema is refused', () => {
    for (const wrong of [{}, { ...data, code: '' }, { ...data, code: 7 }, { ...data, more: 1 }, [], null]) {
      refused('event_invalid', { ...created.of(data, ['link:1']), data: wrong as object })
    }
  })

  it('the refusal says what is wrong to the log, and nothing to the outside', () => {
    assert.throws(
      () => registry.encode(created.of({ ...data, code: '' }, ['link:1'])),
      (error: { message: string; context: { problem: unknown } }) =>
        !error.message.includes('code') && JSON.stringify(error.context.problem).includes('/code'),
    )
  })

  it('there are one to four different subjects of the form kind:id', () => {
    const subjects = [
      [],
      ['link'],
      ['link:'],
      [':1'],
      ['link:a b'],
      ['link:a\0'],
      ['link:\ud800'],
      [`link:${'x'.repeat(200)}`],
      ['link:1', 'link:1'],
      ['a:1', 'a:2', 'a:3', 'a:4', 'a:5'],
    ]
    for (const wrong of subjects) refused('event_invalid', created.of(data, wrong))
    assert.ok(registry.encode(created.of(data, ['a:1', 'a:2', 'a:3', 'a:4'])))
  })

  it('data of more than 64 KiB is refused, counted in bytes', () => {
    refused('event_invalid', created.of({ ...data, target: 'x'.repeat(65_536) }, ['link:1']))
    refused('event_invalid', created.of({ ...data, target: 'ü'.repeat(33_000) }, ['link:1']))
    assert.ok(registry.encode(created.of({ ...data, target: 'x'.repeat(65_000) }, ['link:1'])))
  })

  it('what jsonb cannot store is refused before it is sent: NUL and lone surrogates', () => {
    for (const target of ['\0', 'a\0b', '\ud83d', 'x\udc00', '\\\0']) {
      refused('event_invalid', created.of({ ...data, target }, ['link:1']))
    }
    for (const target of ['\\u0000', '\\\\u0000', '😀', '\u0001', '\\ud800']) {
      assert.ok(registry.encode(created.of({ ...data, target }, ['link:1'])), JSON.stringify(target))
    }
  })
})

describe('upcasting', () => {
  const v2 = defineEvent({
    type: 'link.created',
    version: 2,
    description: 'A short link was created.',
    data: Type.Object({ code: Type.String(), targets: Type.Array(Type.String()) }),
    upcast: (earlier) => ({ code: earlier.code as string, targets: [earlier.target as string] }),
  })
  const v3 = defineEvent({
    type: 'link.created',
    version: 3,
    description: 'A short link was created.',
    data: Type.Object({ code: Type.String(), targets: Type.Array(Type.String()), kind: Type.String() }),
    upcast: (earlier) => ({ code: earlier.code as string, targets: earlier.targets as string[], kind: 'short' }),
  })

  it('an old event is read in the newest version that upcasting reaches', () => {
    const read = createEventRegistry([created, v2, v3]).decode('link.created', 1, data)
    assert.deepEqual(read, { version: 3, data: { code: 'abc', targets: [data.target], kind: 'short' } })
  })

  it('upcasting stops where a version brings no upcast', () => {
    const { upcast: _none, ...breaking } = v2
    const read = createEventRegistry([created, defineEvent(breaking)]).decode('link.created', 1, data)
    assert.deepEqual(read, { version: 1, data })
  })

  it('an event of a version that is not defined any more is upcast by the next one', () => {
    assert.equal(createEventRegistry([v2]).decode('link.created', 1, data).version, 2)
  })

  it('an event of an unknown type is read as it is', () => {
    assert.deepEqual(registry.decode('gone.away', 9, data), { version: 9, data })
  })
})
