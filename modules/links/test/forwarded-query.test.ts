import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withQuery } from '../src/redirect/forwarded-query.ts'

describe('a forwarded query', () => {
  it('stands before the fragment, behind what the target has', () => {
    const cases: [target: string, query: object, forwarded: string][] = [
      ['https://a.example/', { b: '1' }, 'https://a.example/?b=1'],
      ['https://a.example/?', { b: '1' }, 'https://a.example/?b=1'],
      ['https://a.example/?x=%20', { b: '1' }, 'https://a.example/?x=%20&b=1'],
      ['https://a.example/#?b=0', { b: '1' }, 'https://a.example/?b=1#?b=0'],
      ['https://a.example/?b=0', { b: '1' }, 'https://a.example/?b=0'],
      ['https://a.example/', { b: ['1', '2'] }, 'https://a.example/?b=1&b=2'],
      ['https://a.example/', { 'ä&=#': '\u0000\n' }, 'https://a.example/?%C3%A4%26%3D%23=%00%0A'],
      ['https://a.example/', {}, 'https://a.example/'],
    ]
    for (const [target, query, forwarded] of cases) assert.equal(withQuery(target, query), forwarded)
  })

  it('is left out when the address would become too long', () => {
    assert.equal(withQuery('https://a.example/', { b: 'x'.repeat(8_000) }), 'https://a.example/')
  })
})
