import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { targetVerdict } from '../src/targets/target-url.ts'

const rules = {
  allowPrivateTargets: false,
  publicUrl: 'https://stoa.example',
  shortHost: 's.example',
  isShortHost: (host: string) => host === 'go.tenant.example',
}

const accepted: [input: string, stored: string][] = [
  ['https://example.com', 'https://example.com/'],
  ['  https://example.com ', 'https://example.com/'],
  ['http://example.com/a?b=c#d', 'http://example.com/a?b=c#d'],
  ['HTTPS://EXAMPLE.COM/Path', 'https://example.com/Path'],
  ['https://example.com:443/', 'https://example.com/'],
  ['http://example.com:8080/', 'http://example.com:8080/'],
  ['https://example.com./x', 'https://example.com/x'],
  ['https://example.com.:8443/x', 'https://example.com:8443/x'],
  ['https://bücher.example/ä', 'https://xn--bcher-kva.example/%C3%A4'],
  ['https://例え。example', 'https://xn--r8jz45g.example/'],
  ['https://xn--bcher-kva.example/', 'https://xn--bcher-kva.example/'],
  ['https://exаmple.com/', 'https://xn--exmple-4nf.com/'],
  ['https://example.com\u2215login.evil.example/', 'https://example.xn--comlogin-0f7d.evil.example/'],
  ['https://exam\u00adple.com/', 'https://example.com/'],
  ['https://evil.example\\@s.example/', 'https://evil.example/@s.example/'],
  ['https://example.com/%E2%80%AEgpj.exe', 'https://example.com/%E2%80%AEgpj.exe'],
  ['https:\\\\example.com\\a', 'https://example.com/a'],
  ['https:example.com', 'https://example.com/'],
  ['https://8.8.8.8/', 'https://8.8.8.8/'],
  ['https://134744072/', 'https://8.8.8.8/'],
  ['https://[2606:4700:4700::1111]/', 'https://[2606:4700:4700::1111]/'],
  ['https://stoa.example/about', 'https://stoa.example/about'],
  ['https://stoa.example/lost', 'https://stoa.example/lost'],
  ['https://stoa.example:8443/l/abc', 'https://stoa.example:8443/l/abc'],
  ['https://not-s.example/abc', 'https://not-s.example/abc'],
  ['https://localhost.example.com/', 'https://localhost.example.com/'],
  ['https://_dmarc.example.com/', 'https://_dmarc.example.com/'],
  ['https://172.32.0.1/', 'https://172.32.0.1/'],
  ['https://100.128.0.1/', 'https://100.128.0.1/'],
]

const refused: [input: string, reason: string][] = [
  ['', 'malformed'],
  ['example.com', 'malformed'],
  ['//example.com', 'malformed'],
  ['/l/abc', 'malformed'],
  ['https://', 'malformed'],
  ['https://exa mple.com', 'malformed'],
  ['https://[::1', 'malformed'],
  ['https://256.256.256.256', 'malformed'],
  ['https://1.2.3.4.5', 'malformed'],
  ['https://example.com:99999', 'malformed'],
  ['https://example.com/\u0000', 'malformed'],
  ['java\tscript:alert(1)', 'malformed'],
  ['https://exa\nmple.com', 'malformed'],
  ['https://example.com/\u202Egpj.exe', 'malformed'],
  ['https://exam\u200Bple.com/', 'malformed'],
  ['https://example.com/\uD800', 'malformed'],
  ['https://exam\u2066ple.com/', 'malformed'],
  ['https://\u05D0a.example/', 'malformed'],
  ['https://a\u2100b.example/', 'malformed'],
  ['https://xn--a-zhc.example/', 'host'],
  ['https://xn--1ug.example/', 'host'],
  ['https://xn--a.example/', 'host'],
  ['https://www.xn--.example/', 'host'],
  ['https://example.com\uFF0F@evil.example/', 'credentials'],
  ['javascript:alert(1)', 'scheme'],
  ['JaVaScRiPt://example.com/%0aalert(1)', 'scheme'],
  ['data:text/html,x', 'scheme'],
  ['file:///etc/passwd', 'scheme'],
  ['ftp://example.com', 'scheme'],
  ['mailto:a@example.com', 'scheme'],
  ['blob:https://example.com/x', 'scheme'],
  ['intent://scan#Intent', 'scheme'],
  ['https://user@example.com', 'credentials'],
  ['https://user:pass@example.com', 'credentials'],
  ['https://:pass@example.com', 'credentials'],
  ['https://example.com%00@127.0.0.1', 'credentials'],
  ['https://example.com:0/', 'port'],
  ['https://example..com/', 'host'],
  ['https://example.com../', 'host'],
  ['https://.example.com/', 'host'],
  ["https://exa'mple.com/", 'host'],
  [`https://${'a'.repeat(64)}.com/`, 'host'],
  [`https://${'abcdefgh.'.repeat(30)}com/`, 'host'],
  [`https://example.com/${'a'.repeat(2048)}`, 'length'],
  [`https://example.com/${'ä'.repeat(1000)}`, 'length'],
  ['http://localhost', 'private'],
  ['http://LOCALHOST.', 'private'],
  ['http://a.localhost:3000', 'private'],
  ['http://printer.local', 'private'],
  ['http://db.internal', 'private'],
  ['http://router.home.arpa', 'private'],
  ['http://intranet', 'private'],
  ['http://127.0.0.1', 'private'],
  ['http://127.0.0.1.', 'private'],
  ['http://127.1', 'private'],
  ['http://2130706433', 'private'],
  ['http://0x7f000001', 'private'],
  ['http://0177.0.0.1', 'private'],
  ['http://0', 'private'],
  ['http://１２７.0.0.1', 'private'],
  ['http://127。0。0。1', 'private'],
  ['http://10.1.2.3', 'private'],
  ['http://172.16.0.1', 'private'],
  ['http://172.31.255.255', 'private'],
  ['http://192.168.1.1', 'private'],
  ['http://169.254.169.254/latest/meta-data', 'private'],
  ['http://100.64.0.1', 'private'],
  ['http://100.127.255.255', 'private'],
  ['http://198.18.0.1', 'private'],
  ['http://192.0.2.1', 'private'],
  ['http://224.0.0.1', 'private'],
  ['http://255.255.255.255', 'private'],
  ['http://[::]', 'private'],
  ['http://[::1]', 'private'],
  ['http://[0:0:0:0:0:0:0:1]:8080', 'private'],
  ['http://[::ffff:127.0.0.1]', 'private'],
  ['http://[::ffff:8.8.8.8]', 'private'],
  ['http://[::ffff:7f00:1]', 'private'],
  ['http://[::127.0.0.1]', 'private'],
  ['http://[64:ff9b::7f00:1]', 'private'],
  ['http://[64:ff9b:1::7f00:1]', 'private'],
  ['http://[2002:7f00:1::]', 'private'],
  ['http://[2001::1]', 'private'],
  ['http://[2001:db8::1]', 'private'],
  ['http://[fe80::1]', 'private'],
  ['http://[fec0::1]', 'private'],
  ['http://[fd00::1]', 'private'],
  ['http://[ff02::1]', 'private'],
  ['http://[100::1]', 'private'],
  ['https://s.example/abc', 'loop'],
  ['https://go.tenant.example/abc', 'loop'],
  ['http://GO.tenant.example.:8080/', 'loop'],
  ['http://S.EXAMPLE.:80/', 'loop'],
  ['https://\u24E2\uFF0Eexample/abc', 'loop'],
  ['https://s%2Eexample%2e/abc', 'loop'],
  ['https://stoa.example/l/abc', 'loop'],
  ['http://stoa.example/l/abc?x#y', 'loop'],
  ['https://stoa.example./L/abc', 'loop'],
  ['https://stoa.example/%6C/abc', 'loop'],
  ['https://stoa.example/x/../l/abc', 'loop'],
  ['https://stoa.example//l/abc', 'loop'],
  ['https://stoa.example/l', 'loop'],
]

describe('targets', () => {
  for (const [input, stored] of accepted) {
    it(`accept ${input} as ${stored}`, () => assert.deepEqual(targetVerdict(input, rules), { ok: true, url: stored }))
  }

  for (const [input, reason] of refused) {
    it(`refuse ${JSON.stringify(input).slice(0, 70)}: ${reason}`, () => {
      const verdict = targetVerdict(input, rules)
      assert.equal(verdict.ok, false)
      assert.equal(verdict.reason, reason)
    })
  }

  it('may be private where the installation says so; loops and credentials stay refused', () => {
    const inside = {
      allowPrivateTargets: true,
      publicUrl: 'http://127.0.0.1:3000',
      shortHost: null,
      isShortHost: () => false,
    }
    assert.equal(targetVerdict('http://intranet/wiki', inside).ok, true)
    assert.equal(targetVerdict('http://[::1]:9000/', inside).ok, true)
    const loop = targetVerdict('http://127.1:3000/l/abc', inside)
    assert.equal(!loop.ok && loop.reason, 'loop')
    const credentials = targetVerdict('http://u:p@intranet/', inside)
    assert.equal(!credentials.ok && credentials.reason, 'credentials')
  })

  it('that are accepted are accepted again unchanged: normalising is done once', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (input) => {
        const once = targetVerdict(input, rules)
        if (once.ok) assert.deepEqual(targetVerdict(once.url, rules), once)
      }),
      { numRuns: 500 },
    )
  })

  it('of any text at all never throw, and what is accepted is http or https with a host', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (input) => {
        for (const text of [input, `http://${input}`, `https://example.com/${input}`]) {
          const verdict = targetVerdict(text, rules)
          if (verdict.ok) assert.match(verdict.url, /^https?:\/\/[^/]/)
        }
      }),
      { numRuns: 500 },
    )
  })
})
