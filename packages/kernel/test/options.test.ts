import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  functionOption,
  type OptionsSpec,
  objectOption,
  optionalFunction,
  optionalObject,
  resolveOptions,
  StoaError,
} from '@stoa/kernel'
import fc from 'fast-check'

const spec = {
  leaseMs: { type: 'integer', default: 30_000, min: 100, max: 3_600_000 },
  renewMs: { type: 'integer', default: 10_000, min: 10 },
  ratio: { type: 'number', default: 0.5, max: 1 },
  name: { type: 'string', minLength: 1, maxLength: 20, pattern: /^[a-z]+$/, patternHint: 'lower-case letters' },
  mode: { type: 'enum', values: ['fast', 'safe'], default: 'safe' },
  verbose: { type: 'boolean', default: false },
  dataDir: { type: 'string', default: null },
  prefix: { type: 'string', optional: true },
  password: { type: 'string', optional: true, secret: true, minLength: 12 },
} as const

type Input = Parameters<typeof resolveOptions<typeof spec>>[1]

function resolve(input: object | undefined) {
  return resolveOptions(spec, input as Input, {
    name: 'createQueue',
    relations: [(o) => (o.renewMs < o.leaseMs ? null : 'renewMs must be below leaseMs')],
  })
}

function problems(input: object | undefined): string[] {
  try {
    resolve(input)
    return []
  } catch (error) {
    assert.ok(error instanceof StoaError)
    assert.equal(error.code, 'invalid_options')
    return (error.fields ?? []).map((field) => field.message)
  }
}

describe('resolveOptions', () => {
  it('fills in the defaults and freezes the result', () => {
    const options = resolve({ name: 'mail' })
    assert.deepEqual(options, {
      leaseMs: 30_000,
      renewMs: 10_000,
      ratio: 0.5,
      name: 'mail',
      mode: 'safe',
      verbose: false,
      dataDir: null,
      prefix: undefined,
      password: undefined,
    })
    assert.ok(Object.isFrozen(options))
  })

  it('infers the types of the result from the spec', () => {
    const typed = resolveOptions(
      { ...spec, onGap: optionalFunction<(lost: number) => void>(), sum: functionOption<(a: number) => number>() },
      { name: 'mail', sum: (a) => a + 1 },
    )
    const leaseMs: number = typed.leaseMs
    const mode: 'fast' | 'safe' = typed.mode
    const dataDir: string | null = typed.dataDir
    const prefix: string | undefined = typed.prefix
    const onGap: ((lost: number) => void) | undefined = typed.onGap
    // @ts-expect-error an optional option may be undefined
    const wrong: string = typed.prefix
    // @ts-expect-error the result is read-only
    assert.throws(() => (typed.leaseMs = 1), TypeError)
    assert.deepEqual(
      [leaseMs, mode, dataDir, prefix, wrong, onGap, typed.sum(1)],
      [30_000, 'safe', null, undefined, undefined, undefined, 2],
    )
  })

  it('refuses wrong input at compile time too', () => {
    // @ts-expect-error name is required
    assert.throws(() => resolveOptions(spec, {}))
    // @ts-expect-error mode is one of the words
    assert.throws(() => resolveOptions(spec, { name: 'a', mode: 'slow' }))
    // @ts-expect-error there is no such option
    assert.throws(() => resolveOptions(spec, { name: 'a', leasMs: 5 }))
  })

  it('says the name that was meant for an unknown key', () => {
    assert.deepEqual(problems({ name: 'a', leasMs: 5 }), ["unknown option 'leasMs', did you mean 'leaseMs'?"])
    assert.deepEqual(problems({ name: 'a', colour: 5 }), ["unknown option 'colour'"])
  })

  it('reports every problem at once, with whose options they are', () => {
    assert.throws(
      () => resolve({ leaseMs: 1, renewMs: '9', mode: 'sfae', verbos: true }),
      (error) => {
        assert.ok(error instanceof StoaError)
        assert.equal(
          error.message,
          "createQueue: invalid options: unknown option 'verbos', did you mean 'verbose'?; " +
            'leaseMs must be between 100 and 3600000 (got 1); renewMs must be a whole number (got "9"); name is required; ' +
            'mode must be one of fast, safe (got "sfae"), did you mean \'safe\'?',
        )
        assert.deepEqual(
          error.fields?.map((field) => [field.pointer, field.code]),
          [
            ['/verbos', 'unknown'],
            ['/leaseMs', 'out_of_range'],
            ['/renewMs', 'wrong_type'],
            ['/name', 'required'],
            ['/mode', 'not_allowed'],
          ],
        )
        return true
      },
    )
  })

  it('checks relations only between values that are valid by themselves', () => {
    assert.deepEqual(problems({ name: 'a', leaseMs: 200, renewMs: 200 }), ['renewMs must be below leaseMs'])
    assert.deepEqual(problems({ name: 'a', leaseMs: 200, renewMs: 1 }), ['renewMs must be at least 10 (got 1)'])
  })

  it('takes undefined as absent and null as a wrong value, unless null is the default', () => {
    assert.equal(resolve({ name: 'a', leaseMs: undefined }).leaseMs, 30_000)
    assert.equal(resolve({ name: 'a', dataDir: null }).dataDir, null)
    assert.deepEqual(problems({ name: 'a', leaseMs: null }), ['leaseMs must be a whole number (got null)'])
    assert.deepEqual(problems({ name: 'a', prefix: null }), ['prefix must be a string (got null)'])
  })

  it('refuses numbers that are not finite or not whole', () => {
    assert.equal(problems({ name: 'a', leaseMs: 1000.5 }).length, 1)
    assert.equal(problems({ name: 'a', leaseMs: Number.NaN }).length, 1)
    assert.equal(problems({ name: 'a', ratio: Number.NEGATIVE_INFINITY }).length, 1)
    assert.deepEqual(problems({ name: 'a', ratio: 1.5 }), ['ratio must be at most 1 (got 1.5)'])
  })

  it('never shows a secret value, nor the credentials of a URL', () => {
    assert.deepEqual(problems({ name: 'a', password: 'hunter2' }), ['password must have at least 12 characters'])
    assert.deepEqual(problems({ name: 'postgres://me:hunter2@db/x' }), [
      'name must have at most 20 characters (got "postgres://***@db/x")',
    ])
  })

  it('gives the same answer every time for a pattern with the g flag', () => {
    const global = { word: { type: 'string', pattern: /^[a-z]+$/g } } as const
    for (let round = 0; round < 3; round++) assert.equal(resolveOptions(global, { word: 'abc' }).word, 'abc')
  })

  it('passes functions and objects through as they are', () => {
    const typed = { clock: objectOption<{ now(): number }>(), log: optionalObject<{ level: string }>() }
    const clock = { now: () => 5 }
    assert.equal(resolveOptions(typed, { clock }).clock, clock)
    assert.throws(() => resolveOptions({ f: functionOption() }, { f: 1 as never }), /f must be a function \(got 1\)/)
    assert.throws(() => resolveOptions(typed, { clock: null as never }), /clock must be an object/)
  })

  it('refuses input that is not an object', () => {
    for (const input of [null, [], 'x', 5]) {
      assert.deepEqual(problems(input as never), input === null ? ['name is required'] : ['options must be an object'])
    }
  })

  it('treats __proto__ and constructor as unknown keys, and pollutes nothing', () => {
    const input = JSON.parse('{"name":"a","__proto__":{"leaseMs":1},"constructor":{}}')
    assert.deepEqual(problems(input), ["unknown option '__proto__'", "unknown option 'constructor'"])
    assert.equal(({} as { leaseMs?: number }).leaseMs, undefined)
  })

  it('either resolves to valid options or throws a StoaError, for any input', () => {
    const anything = fc.record(
      {
        leaseMs: fc.oneof(fc.integer(), fc.anything()),
        renewMs: fc.oneof(fc.nat(), fc.anything()),
        name: fc.oneof(fc.stringMatching(/^[a-z]{1,20}$/), fc.anything()),
        mode: fc.oneof(fc.constantFrom('fast', 'safe'), fc.anything()),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(anything, fc.object()), (input) => {
        try {
          const options = resolve(input)
          assert.ok(
            Number.isSafeInteger(options.leaseMs) && options.leaseMs >= 100 && options.renewMs < options.leaseMs,
          )
          assert.match(options.name, /^[a-z]{1,20}$/)
          assert.ok(options.mode === 'fast' || options.mode === 'safe')
        } catch (error) {
          assert.ok(error instanceof StoaError, String(error))
          assert.ok((error.fields?.length ?? 0) > 0)
        }
      }),
    )
  })

  it('resolves its own result to the same again', () => {
    const numbers: OptionsSpec = { a: { type: 'integer', default: 1 }, b: { type: 'number', default: 2 } }
    fc.assert(
      fc.property(fc.record({ a: fc.integer(), b: fc.double({ noNaN: true, noDefaultInfinity: true }) }), (input) => {
        const once = resolveOptions(numbers, input)
        assert.deepEqual(resolveOptions(numbers, once), once)
      }),
    )
  })
})
