import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEnv, StoaError } from '@stoa/kernel'
import fc from 'fast-check'

const spec = {
  PORT: { type: 'integer', default: 3000, min: 0, max: 65_535 },
  STOA_DATA: { type: 'string', default: '.stoa' },
  STOA_TRUST_PROXY: { type: 'boolean', default: false },
  STOA_LOG_LEVEL: { type: 'enum', values: ['debug', 'info', 'warn', 'error'], default: 'info' },
  STOA_SAMPLE_RATIO: { type: 'number', default: 1, min: 0, max: 1 },
  DATABASE_URL: {
    type: 'string',
    optional: true,
    secret: true,
    pattern: /^postgres(ql)?:\/\//,
    patternHint: 'a postgres:// address',
  },
  STOA_SECRET: { type: 'string', optional: true, minLength: 32 },
} as const

function read(env: Record<string, string | undefined>) {
  return readEnv(env, spec, { prefix: 'STOA_', ignore: ['STOA_TEST_'] })
}

function refusal(env: Record<string, string | undefined>): string {
  try {
    read(env)
  } catch (error) {
    assert.ok(error instanceof StoaError && error.code === 'invalid_environment')
    return error.message
  }
  return 'accepted'
}

describe('readEnv', () => {
  it('gives defaults for what is not set, and for what is set to nothing', () => {
    const expected = {
      PORT: 3000,
      STOA_DATA: '.stoa',
      STOA_TRUST_PROXY: false,
      STOA_LOG_LEVEL: 'info',
      STOA_SAMPLE_RATIO: 1,
      DATABASE_URL: undefined,
      STOA_SECRET: undefined,
    }
    assert.deepEqual(read({}), expected)
    assert.deepEqual(read({ PORT: '', STOA_DATA: '  ', STOA_SECRET: '' }), expected)
    assert.ok(Object.isFrozen(read({})))
  })

  it('reads numbers, booleans, words and strings, trimmed', () => {
    const env = read({
      PORT: ' 0 ',
      STOA_TRUST_PROXY: 'Yes',
      STOA_LOG_LEVEL: 'warn',
      STOA_SAMPLE_RATIO: '.25',
      STOA_DATA: ' x ',
    })
    const port: number = env.PORT
    const level: 'debug' | 'info' | 'warn' | 'error' = env.STOA_LOG_LEVEL
    assert.deepEqual(
      [port, env.STOA_TRUST_PROXY, level, env.STOA_SAMPLE_RATIO, env.STOA_DATA],
      [0, true, 'warn', 0.25, 'x'],
    )
  })

  it('does not trim a secret', () => {
    const secret = ` ${'s'.repeat(40)} `
    assert.equal(read({ STOA_SECRET: secret }).STOA_SECRET, secret)
  })

  it('names the variable and what it wants', () => {
    assert.equal(refusal({ PORT: '70000' }), 'invalid environment: PORT must be between 0 and 65535 (got 70000)')
    assert.equal(refusal({ PORT: '0x50' }), 'invalid environment: PORT must be a whole number (got "0x50")')
    assert.equal(refusal({ PORT: '3000;' }), 'invalid environment: PORT must be a whole number (got "3000;")')
    assert.equal(
      refusal({ STOA_TRUST_PROXY: 'ja' }),
      'invalid environment: STOA_TRUST_PROXY must be true or false (got "ja")',
    )
    assert.match(refusal({ STOA_LOG_LEVEL: 'inof' }), /STOA_LOG_LEVEL must be one of .* did you mean 'info'\?/)
  })

  it('reports all variables at once', () => {
    assert.match(refusal({ PORT: 'x', STOA_SAMPLE_RATIO: '2' }), /PORT .*; STOA_SAMPLE_RATIO /)
  })

  it('refuses an unknown variable with the prefix, except the ones of others', () => {
    assert.equal(
      refusal({ STOA_DATE: 'x' }),
      "invalid environment: unknown variable STOA_DATE, did you mean 'STOA_DATA'?",
    )
    assert.equal(refusal({ STOA_TEST_DATABASE_URL: 'x', OTHER: 'y', STOADATA: 'z' }), 'accepted')
  })

  it('never shows what a variable holds that is marked secret or named like one', () => {
    assert.equal(refusal({ STOA_SECRET: 'short' }), 'invalid environment: STOA_SECRET must have at least 32 characters')
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{8,24}$/), (secret) => {
        for (const name of ['STOA_SECRET', 'DATABASE_URL']) {
          assert.ok(!refusal({ [name]: secret }).includes(secret), name)
        }
      }),
    )
  })

  it('does not read inherited properties as variables', () => {
    assert.equal(readEnv({}, { toString: { type: 'string', optional: true } }).toString, undefined)
  })

  it('reads back every whole number in range', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 65_535 }), (port) => read({ PORT: String(port) }).PORT === port))
  })
})
