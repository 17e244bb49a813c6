import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { asStoaError, defineErrors, errors, isError, StoaError } from '@stoa/kernel'
import fc from 'fast-check'

const secret = 'hunter2-is-the-password'

function failure() {
  return new StoaError(errors.unavailable, {
    context: { secret },
    cause: new Error(secret),
    retryAfterSeconds: 1.2,
    fields: [{ pointer: '/body/target', code: 'invalid_url', message: 'must be an http or https address' }],
  })
}

describe('StoaError', () => {
  it('takes code, kind and public text from its spec', () => {
    const error = new StoaError(errors.not_found)
    assert.ok(error instanceof Error)
    assert.deepEqual(
      [error.name, error.code, error.kind, error.message, error.retryable],
      ['StoaError', 'not_found', 'not_found', 'There is nothing here.', false],
    )
    assert.match(error.stack ?? '', /^StoaError: There is nothing here\./)
  })

  it('keeps context and cause out of the message, of JSON, of a copy and of the enumerable keys', () => {
    const error = failure()
    assert.deepEqual(error.context, { secret })
    assert.equal((error.cause as Error).message, secret)
    for (const text of [error.message, String(error), JSON.stringify(error), JSON.stringify({ ...error })]) {
      assert.ok(!text.includes(secret), text)
    }
    assert.ok(!Object.keys(error).includes('context'))
    assert.ok(!inspect(new StoaError(errors.conflict, { context: { secret } })).includes(secret))
  })

  it('has nothing to leak whatever the context holds', () => {
    fc.assert(
      fc.property(fc.object(), (context) => {
        const plain = JSON.stringify(new StoaError(errors.conflict))
        assert.equal(JSON.stringify(new StoaError(errors.conflict, { context })), plain)
      }),
    )
  })

  it('says the public part in JSON, and leaves out what it does not have', () => {
    assert.deepEqual(failure().toJSON(), {
      code: 'unavailable',
      message: 'A part of the system cannot be reached. Try again shortly.',
      retryable: true,
      fields: [{ pointer: '/body/target', code: 'invalid_url', message: 'must be an http or https address' }],
      retryAfterSeconds: 2,
    })
    assert.deepEqual(Object.keys(new StoaError(errors.conflict).toJSON()), ['code', 'message', 'retryable'])
  })

  it('rounds the wait up to whole seconds, never below zero, and ignores one that is not a number', () => {
    const wait = (retryAfterSeconds: number) =>
      new StoaError(errors.overloaded, { retryAfterSeconds }).retryAfterSeconds
    assert.deepEqual([0.001, 3, -5, Number.NaN, Number.POSITIVE_INFINITY].map(wait), [1, 3, 0, undefined, undefined])
  })

  it('is retryable by its kind unless the table says otherwise', () => {
    const retryable = Object.values(errors)
      .filter((spec) => new StoaError(spec).retryable)
      .map((spec) => spec.code)
    assert.deepEqual(retryable.sort(), [
      'idempotency_in_progress',
      'overloaded',
      'rate_limited',
      'request_timeout',
      'unavailable',
    ])
  })
})

describe('defineErrors', () => {
  it('turns keys into codes that the type system knows', () => {
    const table = defineErrors({ link_expired: { kind: 'gone', message: 'This link has expired.' } })
    const code: 'link_expired' = table.link_expired.code
    assert.equal(code, 'link_expired')
    assert.ok(Object.isFrozen(table) && Object.isFrozen(table.link_expired))
  })

  it('refuses a code that is not snake_case', () => {
    for (const code of ['linkExpired', 'Link_expired', '_x', 'x_', 'a__b', '', '1a']) {
      assert.throws(() => defineErrors({ [code]: { kind: 'gone', message: 'x' } }), TypeError, code)
    }
  })

  it('gives every code of the ground a whole sentence', () => {
    for (const spec of Object.values(errors)) assert.match(spec.message, /^[A-Z].*\.$/, spec.code)
  })
})

describe('asStoaError', () => {
  it('keeps a StoaError and hides anything else behind internal', () => {
    const own = new StoaError(errors.conflict)
    assert.equal(asStoaError(own), own)
    for (const thrown of [new Error(secret), secret, null, undefined, { code: 'forbidden' }]) {
      const error = asStoaError(thrown)
      assert.equal(error.code, 'internal')
      assert.ok(!JSON.stringify(error).includes(secret))
    }
  })
})

describe('isError', () => {
  it('tells by the code', () => {
    assert.ok(isError(new StoaError(errors.conflict), errors.conflict))
    assert.ok(!isError(new StoaError(errors.conflict), errors.not_found))
    assert.ok(!isError({ code: 'conflict' }, errors.conflict))
  })
})
