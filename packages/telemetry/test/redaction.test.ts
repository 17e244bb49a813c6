import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errors, StoaError } from '@stoa/kernel'
import { isSecretName, REDACTED, redact, redactText } from '@stoa/telemetry'
import fc from 'fast-check'

const apiKey = 'stoa_0123456789abcdef_ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'
const secret = 'hunter2hunter2'

describe('isSecretName', () => {
  it('knows the names of secrets in any spelling', () => {
    const names = [
      'authorization',
      'Authorization',
      'proxy-authorization',
      'cookie',
      'set-cookie',
      'x-api-key',
      'apiKey',
      'API_KEY',
      'password',
      'newPassword',
      'secret',
      'client_secret',
      'token',
      'accessToken',
      'refresh_token',
      'key',
      'privateKey',
      'passphrase',
      'signature',
    ]
    for (const name of names) assert.equal(isSecretName(name), true, name)
  })

  it('leaves alone what only sounds like one', () => {
    const names = [
      'idempotencyKey',
      'keyId',
      'requestId',
      'tokens',
      'tokenType',
      'monkey',
      'author',
      'authorId',
      'passed',
      'code',
    ]
    for (const name of names) assert.equal(isSecretName(name), false, name)
  })
})

describe('redactText', () => {
  it('cuts the secret half out of an API key, wherever it stands, and leaves its public id', () => {
    for (const [text, expected] of [
      [`key ${apiKey} was used`, `key stoa_0123456789abcdef_${REDACTED} was used`],
      [`/links?x=${apiKey}&y=1`, `/links?x=stoa_0123456789abcdef_${REDACTED}&y=1`],
      [`"${apiKey}"`, `"stoa_0123456789abcdef_${REDACTED}"`],
      [`${apiKey}${apiKey.slice(0, 10)}`, `stoa_0123456789abcdef_${REDACTED}_01234`.replace('_01234', '_01234')],
    ] as const) {
      const cut = redactText(text)
      assert.ok(!cut.includes('ABCDEFGHIJ'), cut)
      if (!text.endsWith('stoa_01234')) assert.equal(cut, expected)
    }
  })

  it('cuts credentials out of headers and URLs', () => {
    assert.equal(redactText(`Authorization: Bearer ${secret}`), `Authorization: Bearer ${REDACTED}`)
    assert.equal(redactText(`basic ${secret}==`), `basic ${REDACTED}`)
    assert.equal(redactText(`postgres://me:${secret}@db:5432/stoa`), `postgres://${REDACTED}@db:5432/stoa`)
    assert.equal(
      redactText(`/cb?code=${secret}&state=${secret}&page=2`),
      `/cb?code=${REDACTED}&state=${REDACTED}&page=2`,
    )
    assert.equal(redactText(`/x?access_token=${secret}#top`), `/x?access_token=${REDACTED}#top`)
  })

  it('leaves ordinary text as it is', () => {
    for (const text of [
      '',
      'hello',
      'stoa_pool',
      'stoa_t_acme_corporation',
      'https://example.org/a?page=2',
      'a basic need',
    ]) {
      assert.equal(redactText(text), text)
    }
  })

  it('cuts a text that is too long', () => {
    const cut = redactText('x'.repeat(1_000_000))
    assert.ok(cut.length < 17_000)
    assert.match(cut, /… \(1000000 characters\)$/)
  })
})

describe('redact', () => {
  it('replaces secrets by name, at any depth and in lists', () => {
    assert.deepEqual(
      redact({
        req: { headers: { authorization: secret, 'x-api-key': secret, accept: '*/*' } },
        list: [{ token: secret }],
      }),
      {
        req: { headers: { authorization: REDACTED, 'x-api-key': REDACTED, accept: '*/*' } },
        list: [{ token: REDACTED }],
      },
    )
  })

  it('keeps "there is none" and "there is one"', () => {
    assert.deepEqual(redact({ password: null, token: true, secret: undefined }), {
      password: null,
      token: true,
      secret: undefined,
    })
  })

  it('gives clean bindings back as they are, and never changes its input', () => {
    const clean = { method: 'GET', status: 200 }
    assert.equal(redact(clean), clean)
    const dirty = Object.freeze({ password: secret, deep: Object.freeze({ token: secret }) })
    assert.deepEqual(redact(dirty), { password: REDACTED, deep: { token: REDACTED } })
    assert.equal(dirty.password, secret)
  })

  it('spells an error out with its private context and its causes, and cuts the secrets in them', () => {
    const cause = Object.assign(new Error(`cannot reach postgres://me:${secret}@db`), { code: 'ECONNREFUSED' })
    const cleaned = redact({
      err: new StoaError(errors.unavailable, { cause, context: { pool: 3, password: secret } }),
    })
    const { err } = cleaned as { err: Record<string, unknown> & { cause: Record<string, unknown> } }
    assert.equal(err.type, 'StoaError')
    assert.equal(err.code, 'unavailable')
    assert.deepEqual(err.context, { pool: 3, password: REDACTED })
    assert.equal(err.cause.code, 'ECONNREFUSED')
    assert.equal(err.cause.message, `cannot reach postgres://${REDACTED}@db`)
    assert.ok(!JSON.stringify(cleaned).includes(secret))
  })

  it('survives cycles, throwing getters, big numbers, binary data, maps and endless depth', () => {
    const cycle: Record<string, unknown> = { name: 'cycle' }
    cycle.self = cycle
    assert.doesNotThrow(() => JSON.stringify(redact(cycle)))
    const nasty = {
      get bad() {
        throw new Error('no')
      },
    }
    assert.equal(redact(nasty), '[unreadable]')
    assert.deepEqual(
      redact({
        n: 5n,
        b: Buffer.from(secret),
        m: new Map([['token', secret]]),
        s: new Set([apiKey]),
        d: new Date(0),
        f() {},
      }),
      {
        n: '5',
        b: '[14 bytes]',
        m: { token: REDACTED },
        s: [`stoa_0123456789abcdef_${REDACTED}`],
        d: '1970-01-01T00:00:00.000Z',
        f: undefined,
      },
    )
    const list = redact(Array.from({ length: 1000 }, () => 1)) as unknown[]
    assert.equal(list.length, 101)
  })

  it('never lets a secret through under a secret name, nor an API key anywhere, whatever surrounds it', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.constant(apiKey), fc.constant(`see ${apiKey}!`))
    const tree = fc.object({
      key: fc.oneof(fc.string(), fc.constantFrom('a', 'b', 'token', 'password')),
      values: [value],
      maxDepth: 5,
    })
    fc.assert(
      fc.property(tree, (bindings) => {
        const text = JSON.stringify(redact({ ...bindings, deep: { er: { password: secret } } }))
        assert.ok(!text.includes(secret))
        assert.ok(!text.includes('ABCDEFGHIJKLMNOP'))
      }),
    )
  })

  it('can be written as JSON whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        (value) => {
          JSON.stringify({ value: redact(value) })
        },
      ),
    )
  })
})
