import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isPrefetch, referrerHost } from '../src/analytics/visitors.ts'

describe('a visit', () => {
  it('is a prefetch when any of the three headers says so', () => {
    for (const headers of [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender' },
      { purpose: 'prefetch' },
      { purpose: 'preview' },
      { 'x-moz': 'prefetch' },
      { 'sec-purpose': ['prefetch', 'x'] },
    ]) {
      assert.equal(isPrefetch(headers), true, JSON.stringify(headers))
    }
    for (const headers of [{}, { purpose: '' }, { purpose: 'x'.repeat(10_000) }, { 'sec-purpose': 'prefetched' }]) {
      assert.equal(isPrefetch(headers), false)
    }
  })

  it('keeps the host of the referrer and nothing else of it', () => {
    const cases: [referrer: string, host: string | null][] = [
      ['https://News.Example/story?user=1#x', 'news.example'],
      ['https://user:pass@news.example:8080/', 'news.example'],
      ['https://bücher.example/', 'xn--bcher-kva.example'],
      ['android-app://com.example/', null],
      ['javascript:alert(1)', null],
      ['nonsense', null],
      ['', null],
      [`https://news.example/${'x'.repeat(10_000)}`, null],
      [`https://${'a.'.repeat(200)}example/`, null],
      ['\u0000\u0001', null],
    ]
    for (const [referrer, host] of cases) assert.equal(referrerHost(referrer), host, referrer.slice(0, 40))
  })
})
