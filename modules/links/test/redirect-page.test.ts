import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refusalPage, wantsPage } from '../src/redirect/redirect-page.ts'

describe('the page of a link that leads nowhere', () => {
  it('goes to browsers; programs get problem+json', () => {
    const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
    const cases: [accept: string | undefined, page: boolean][] = [
      [browser, true],
      ['TEXT/HTML', true],
      ['application/xhtml+xml', true],
      ['application/json;q=0.5, text/html', true],
      ['text/html;q=0.5, application/json', false],
      ['text/html;q=0.5, application/problem+json', false],
      ['text/html;q=0', false],
      ['text/html;q=x', false],
      ['application/json', false],
      ['*/*', false],
      ['text/*', false],
      ['', false],
      [undefined, false],
      [`${'a/b,'.repeat(5000)}text/html`, false],
    ]
    for (const [accept, page] of cases) assert.equal(wantsPage(accept), page, accept?.slice(0, 60))
  })

  it('says what to do where there is no link, and not twice that there is none', () => {
    const page = refusalPage({ kind: 'not_found', message: 'There is no such link.' })
    assert.match(page, /<h1>There is no link here<\/h1><p>A part of the address may be missing/)
    assert.ok(!page.includes('There is no such link'))
  })

  it('escapes the message and has no script', () => {
    const page = refusalPage({ kind: 'gone', message: '<script>alert("x")</script>&\'' })
    assert.ok(page.includes('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;'))
    assert.ok(!page.includes('<script'))
  })
})
