import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CODE_SPACE, codePermutation } from '../src/codes/short-code.ts'

const key = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')

describe('short codes', () => {
  const codes = codePermutation(key)

  it('give the published vectors for the published key', () => {
    assert.equal(codes.encode(0), 'gtlN7rv')
    assert.equal(codes.encode(1), 'pwW89Dt')
    assert.equal(codes.encode(61), '9O2Qc4Z')
    assert.equal(codes.encode(1_000_000), 'T75eVQV')
  })

  it('are a bijection: every number comes back, at both ends of the space too', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: CODE_SPACE - 1 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (n, k) => {
          const permutation = codePermutation(k)
          const code = permutation.encode(n)
          assert.match(code, /^[0-9A-Za-z]{7}$/)
          assert.equal(permutation.decode(code), n)
        },
      ),
      { numRuns: 300 },
    )
    for (const n of [0, CODE_SPACE - 1]) assert.equal(codes.decode(codes.encode(n)), n)
  })

  it('reach every code: each seven-character string has a number that leads to it', () => {
    const digit = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')
    fc.assert(
      fc.property(fc.array(digit, { minLength: 7, maxLength: 7 }), (digits) => {
        const code = digits.join('')
        const n = codes.decode(code)
        assert.ok(n !== null && n >= 0 && n < CODE_SPACE)
        assert.equal(codes.encode(n), code)
      }),
      { numRuns: 300 },
    )
  })

  it('do not repeat within a block of 20,000 and do not come in order', () => {
    const seen = new Set<string>()
    let ascending = 0
    let before = ''
    for (let n = 0; n < 20_000; n++) {
      const code = codes.encode(n)
      if (code > before) ascending++
      before = code
      seen.add(code)
    }
    assert.equal(seen.size, 20_000)
    assert.ok(ascending > 9_000 && ascending < 11_000, `${ascending} of 20,000 ascending`)
  })

  it('are the same for a range of numbers as for each of them', () => {
    for (const [start, end] of [
      [0, 1_000],
      [CODE_SPACE - 7, CODE_SPACE],
      [5, 5],
    ] as const) {
      const each = Array.from({ length: end - start }, (_, index) => codes.encode(start + index))
      assert.deepEqual(codes.encodeRange(start, end), each)
    }
    assert.throws(() => codes.encodeRange(-1, 3), RangeError)
    assert.throws(() => codes.encodeRange(CODE_SPACE - 1, CODE_SPACE + 1), RangeError)
  })

  it('differ with the key', () => {
    const other = codePermutation(Buffer.alloc(16, 7))
    assert.notEqual(other.encode(0), codes.encode(0))
  })

  it('refuse numbers outside the space, fractions, and keys of the wrong length', () => {
    for (const n of [-1, CODE_SPACE, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => codes.encode(n), RangeError)
    }
    assert.throws(() => codePermutation(Buffer.alloc(15)), RangeError)
    assert.equal(codes.decode('short'), null)
    assert.equal(codes.decode('with-da'), null)
  })
})
