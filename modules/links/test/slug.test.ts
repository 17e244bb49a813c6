import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { codePermutation } from '../src/codes/short-code.ts'
import { isKindCode, slugFault } from '../src/codes/slug.ts'

describe('custom slugs', () => {
  for (const slug of [
    'abc',
    'Spring-Sale_2026',
    '2026',
    'a--b',
    '_x_',
    'x'.repeat(64),
    'constructor',
    '__proto__',
    'spring/sale/2026',
    'abc/b/c/d/e',
    'abc/api',
  ]) {
    it(`accept "${slug.slice(0, 20)}"`, () => assert.equal(slugFault(slug), null))
  }

  const refused: [slug: string, reason: string][] = [
    ['', 'length'],
    ['ab', 'length'],
    ['x'.repeat(65), 'length'],
    ['-abc', 'characters'],
    ['abc-', 'characters'],
    ['---', 'characters'],
    ['a b', 'characters'],
    ['a/bcd', 'segments'],
    ['abc/', 'characters'],
    ['/abc', 'characters'],
    ['abc//d', 'characters'],
    ['abc/../d', 'characters'],
    ['abc/-d', 'characters'],
    ['abc/b/c/d/e/f', 'segments'],
    ['api/v1', 'reserved'],
    ['l/abc', 'segments'],
    ['a.b', 'characters'],
    ['a%20b', 'characters'],
    ['über', 'characters'],
    ['аbc', 'characters'], // the first letter is Cyrillic
    ['abc\n', 'characters'],
    ['abc\u0000', 'characters'],
    ['a\u202Ebc', 'characters'],
    ['api', 'reserved'],
    ['API', 'reserved'],
    ['Well-Known', 'reserved'],
  ]
  for (const [slug, reason] of refused) {
    it(`refuse ${JSON.stringify(slug.slice(0, 20))} for its ${reason}`, () => {
      assert.equal(slugFault(slug)?.reason, reason)
    })
  }
})

describe('generated codes', () => {
  it('skip unkind words in any case, inside the code, and written with digits', () => {
    for (const code of ['xxFuCKx', 'Sh1tAbc', 'abCunt9', '5ex0000']) assert.equal(isKindCode(code), false, code)
  })

  it('skip reserved words', () => {
    assert.equal(isKindCode('metrics'), false)
    assert.equal(isKindCode('Webhook'), false)
  })

  it('are skipped rarely: fewer than one in a hundred', () => {
    const codes = codePermutation(Buffer.alloc(16, 3))
    let skipped = 0
    for (let n = 0; n < 20_000; n++) if (!isKindCode(codes.encode(n))) skipped++
    assert.ok(skipped < 200, `${skipped} of 20,000 skipped`)
  })
})
