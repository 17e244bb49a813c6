import assert from 'node:assert/strict'
import { it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { seedLink } from '../src/testing.ts'
import { browser, describeEverywhere } from './setup.ts'

/** What another process remembers it believes for 30 s. */
const BEFORE_IT_FORGETS_MS = 20_000

describeEverywhere('following links', (place) => {
  async function setup(over: object = {}) {
    const { client, suite } = place()
    const target = `https://example.com/${Math.random()}?a=1&b=%20#c`
    const link = await seedLink(client, { target, ...over })
    const follow = (headers: Record<string, string> = {}) => suite.anyone.get(`/l/${link.code}`, headers)
    return { client, suite, link, target, follow }
  }

  it('leads to the target without credentials, and is not kept by caches', async () => {
    const { follow, target } = await setup()
    const answer = await follow(browser)
    assert.equal(answer.status, 302)
    assert.equal(answer.headers.get('location'), target)
    assert.equal(answer.headers.get('cache-control'), 'private, max-age=0')
    assert.equal(answer.headers.get('referrer-policy'), 'strict-origin-when-cross-origin')
    assert.equal(answer.body, null)
  })

  it('works by HEAD too', async () => {
    const { suite, link, target } = await setup()
    const answer = await suite.anyone.send('HEAD', `/l/${link.code}`)
    assert.equal(answer.status, 302)
    assert.equal(answer.headers.get('location'), target)
  })

  it('sees a change, an archival, a restoration at once', async () => {
    const { client, link, target, follow } = await setup()
    assert.equal((await follow()).headers.get('location'), target)
    const url = `/api/v1/links/${link.id}`
    await client.patch(url, { target: 'https://example.org/new' }, { 'if-match': '"1"' })
    assert.equal((await follow()).headers.get('location'), 'https://example.org/new')
    await client.post(`${url}/archival`)
    assert.equal((await follow()).status, 410)
    await client.delete(`${url}/archival`)
    assert.equal((await follow()).status, 302)
  })

  it('sees a slug that was asked for before it existed', async () => {
    const { client, suite, tenant } = place()
    const slug = `soon-${tenant.slug}`
    assert.equal((await suite.anyone.get(`/l/${slug}`)).status, 404)
    await seedLink(client, { target: 'https://example.com/soon', slug })
    assert.equal((await suite.anyone.get(`/l/${slug}`)).status, 302)
  })

  it('ends when the link expires', async () => {
    const expiresAt = new Date(place().suite.clock.now() + 30_000).toISOString()
    const { follow, suite } = await setup({ expiresAt })
    assert.equal((await follow()).status, 302)
    suite.clock.advance(30_001)
    const answer = await follow()
    assert.equal(answer.status, 410)
    assert.equal(answer.body.code, 'link_gone')
  })

  it('takes codes case-sensitively', async () => {
    const { suite, client, tenant } = place()
    await seedLink(client, { slug: `Case-${tenant.slug}` })
    assert.equal((await suite.anyone.get(`/l/case-${tenant.slug}`)).status, 404)
  })

  it('shows browsers a page without script for what is not there or gone, and programs a problem', async () => {
    const { suite, client, link } = await setup()
    await client.post(`/api/v1/links/${link.id}/archival`)
    for (const [code, status, name] of [
      ['unknown', 404, 'link_not_found'],
      [link.code, 410, 'link_gone'],
    ] as const) {
      const page = await suite.anyone.get(`/l/${code}`, browser)
      assert.equal(page.status, status)
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
      assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-/)
      assert.match(page.body, /^<!doctype html>/)
      assert.ok(!page.body.includes('<script'))
      assert.ok(!page.body.includes(code))
      const problem = await suite.anyone.get(`/l/${code}`)
      assert.equal(problem.status, status)
      assert.match(problem.headers.get('content-type') ?? '', /^application\/problem\+json/)
      assert.equal(problem.body.code, name)
      assert.equal(problem.headers.get('vary'), 'accept')
    }
  })

  for (const code of [
    '%00',
    '%252e%252e',
    "'%20or%201=1--",
    '%F0%9F%8E%89',
    'a%2Fb',
    'x'.repeat(200),
    '%3Cscript%3E',
    '%ED%A0%80',
  ]) {
    it(`finds nothing under ${code.slice(0, 20)}`, async () => {
      for (const headers of [{}, browser]) {
        const answer = await place().suite.anyone.get(`/l/${code}`, headers)
        assert.ok([400, 404, 414, 422].includes(answer.status), String(answer.status))
        assert.ok(!JSON.stringify(answer.body).includes('<script>'))
      }
    })
  }

  it('bears hostile headers', async () => {
    const { follow } = await setup()
    const headers = { 'user-agent': 'x'.repeat(10_000), referer: `https://${'a'.repeat(4_000)}.example/` }
    assert.equal((await follow(headers)).status, 302)
    assert.equal((await follow({ ...browser, referer: '\u00ff\u00fe', accept: '\u00ff;;;,,,q=' })).status, 302)
  })

  it('is the same in another process soon after the change, long before that forgets by itself', async () => {
    const { suite, client, link, follow, target } = await setup()
    await using other = await suite.second()
    const there = () => other.anyone.get(`/l/${link.code}`)
    assert.equal((await there()).headers.get('location'), target)
    assert.equal((await follow()).status, 302)
    await client.post(`/api/v1/links/${link.id}/archival`)
    await other.events((e) => e.type === 'link.archived' && e.data.id === link.id, 1)
    await eventually(there, ({ status }) => status === 410, BEFORE_IT_FORGETS_MS)
    assert.equal((await follow()).status, 410)
  })
})
