import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { meantCode, readableCode } from '../src/codes/readable-code.ts'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

describe('readable codes', () => {
  it('have eight characters without look-alikes, and are meant by whoever mistakes one for another', () => {
    const codes = Array.from({ length: 2_000 }, readableCode)
    assert.equal(new Set(codes).size, codes.length)
    for (const code of codes) {
      assert.match(code, /^[0-9a-hjkmnp-tv-z]{8}$/)
      assert.equal(meantCode(code), null)
      const written = code.toUpperCase().replaceAll('0', 'O').replaceAll('1', 'I')
      if (written !== code) assert.equal(meantCode(written), code)
    }
    for (const text of ['', 'short', 'abcdefgu', 'abc-defg', 'abcdefghj']) assert.equal(meantCode(text), null)
  })
})

describeEverywhere('links with readable codes', (place) => {
  it('are followed however the code is written', async () => {
    const { client, suite } = place()
    const link = await seedLink(client, { target: 'https://example.com/read', codeStyle: 'readable' })
    assert.match(link.code, /^[0-9a-z]{8}$/)
    for (const code of [link.code, link.code.toUpperCase()]) {
      assert.equal((await suite.anyone.get(`/l/${code}`)).headers.get('location'), 'https://example.com/read')
    }
    assert.equal((await client.post('/api/v1/links', { target: 'https://a.example', codeStyle: 'long' })).status, 422)
  })
})
