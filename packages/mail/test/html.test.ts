import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { html, mailTemplate, textOf, trustedHtml } from '../src/index.ts'

const nasty = `<script>alert("1")</script>&'\``

describe('html', () => {
  it('escapes every value in text and in quoted attributes', () => {
    const safe = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;&#96;'
    assert.equal(
      `${html`<p title="${nasty}" lang='${nasty}'>${nasty}</p>`}`,
      `<p title="${safe}" lang='${safe}'>${safe}</p>`,
    )
  })

  it('puts HTML into HTML, lists item by item, and nothing for what is nothing', () => {
    const rows = ['a', '<b>'].map((row) => html`<li>${row}</li>`)
    assert.equal(
      `${html`<ul>${rows}</ul>${null}${undefined}${false}${0}${7n}`}`,
      '<ul><li>a</li><li>&lt;b&gt;</li></ul>07',
    )
    assert.equal(`${html`${trustedHtml('<hr>')}`}`, '<hr>')
  })

  it('lets only links of mail be links, however the scheme is hidden', () => {
    const link = (address: string) => `${html`<a href="${address}">x</a>`}`
    for (const bad of [
      'javascript:alert(1)',
      ' JaVa\tScript:x',
      '\u0001javascript:x',
      'data:text/html,x',
      '//a.example',
      '/x',
    ]) {
      assert.equal(link(bad), '<a href="#">x</a>', bad)
    }
    assert.equal(link('https://a.example/?a=1&b="'), '<a href="https://a.example/?a=1&amp;b=&quot;">x</a>')
    assert.equal(link('mailto:ann@example.org'), '<a href="mailto:ann@example.org">x</a>')
    const at = 'https://a.example'
    assert.equal(`${html`<a href="${at}/${'a"b'}">x</a>`}`, '<a href="https://a.example/a&quot;b">x</a>')
    assert.equal(
      `${html`<a href="https://a.example/${'javascript:'}">x</a>`}`,
      '<a href="https://a.example/javascript:">x</a>',
    )
  })

  it('refuses a value where escaping is not enough', () => {
    const x = 'x'
    for (const make of [
      () => html`<p ${x}>`,
      () => html`<p id=${x}>`,
      () => html`<${x}>`,
      () => html`<style>p { color: ${x} }</style>`,
      () => html`<script>${x}</script>`,
      () => html`<p onclick="${x}">`,
      () => html`<p style="color: ${x}">`,
      () => html`<img srcset="${x}">`,
      () => html`<!-- ${x} -->`,
      () => html`<p title="${html`<b>x</b>`}">`,
      () => html`<p>${{ toString: () => '<b>' } as never}</p>`,
    ]) {
      assert.throws(make, TypeError)
    }
  })

  it('refuses a template that is not whole, because what follows would stand elsewhere', () => {
    assert.throws(() => html`<a href="`, TypeError)
    assert.throws(() => html`<p`, TypeError)
    assert.throws(() => html`<!-- `, TypeError)
  })

  it('knows text again after raw parts, comments and attributes without quotes', () => {
    const x = '<'
    assert.equal(
      `${html`<!doctype html><style>a > b {}</style><!-- > --><td width=5 nowrap align="left">${x}</td><br/>a < b ${x}`}`,
      '<!doctype html><style>a > b {}</style><!-- > --><td width=5 nowrap align="left">&lt;</td><br/>a < b &lt;',
    )
  })

  it('never lets a value make markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, address) => {
        const markup = `${html`<p title="${text}"><a href="${address}">${text}</a></p>`}`
        assert.equal(markup.split(/[<>]/).length, '<p><a></a></p>'.split(/[<>]/).length)
        assert.equal(markup.split('"').length, 5)
        assert.equal(markup.includes('\0'), false)
      }),
    )
  })
})

describe('text of HTML', () => {
  it('keeps paragraphs, lists and the addresses of links, and leaves out what is not shown', () => {
    const markup = html`<!doctype html><html><head><title>no</title><style>p{}</style></head><body>
      <h1>Your  order</h1><p>Hello ${'Ann & <Bob>'},<br>it is on its way.</p>
      <ul><li>2 × cup</li><li>1 × <b>plate</b></li></ul><script>no()</script>
      <p><a href="${'https://a.example/o?a=1&b=2'}">Follow it</a> or write to <a href="mailto:a@b.example">a@b.example</a></p>
      <hr><table><tr><td>Total</td><td>12 €</td></tr></table><img alt="a cup" src="cid:cup"></body></html>`
    assert.equal(
      textOf(`${markup}`),
      [
        'Your order',
        '',
        'Hello Ann & <Bob>,',
        'it is on its way.',
        '',
        '- 2 × cup',
        '- 1 × plate',
        '',
        'Follow it (https://a.example/o?a=1&b=2) or write to a@b.example',
        '',
        '----',
        '',
        'Total 12 €',
        '',
        'a cup',
      ].join('\n'),
    )
  })

  it('takes any input, and takes no longer for a worse one', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof textOf(text) === 'string'))
    for (const piece of ['<', '<a href="', '<!--', '<style>', '&#', '<a ', '</', '<p> ', "<b title='", '< a']) {
      const begun = process.cpuUsage()
      textOf(piece.repeat(100_000))
      assert.ok(process.cpuUsage(begun).user < 10_000_000, piece)
    }
  })
})

describe('a mail template', () => {
  it('makes the words from its input; a line break in a name does not break the subject', () => {
    const welcome = mailTemplate<{ name: string }>({
      subject: ({ name }) => `Welcome, ${name}`,
      text: ({ name }) => `Hello ${name}`,
      html: ({ name }) => html`<p>Hello ${name}</p>`,
    })
    const words = welcome({ name: 'Ann\r\nBcc: <x>' })
    assert.equal(words.subject, 'Welcome, Ann Bcc: <x>')
    assert.equal(`${words.html}`, '<p>Hello Ann\r\nBcc: &lt;x&gt;</p>')
  })
})
