import assert from 'node:assert/strict'
import { it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { seedLink } from '../src/testing.ts'
import { browser, describeEverywhere } from './setup.ts'

/** What another process remembers it believes for 30 s. */
const BEFORE_IT_FORGETS_MS = 20_000

describeEverywhere('following links', (place) => {
  async function setup(over: object = {}) {
    const { client, suite, tenant } = place()
    const target = `https://example.com/${Math.random()}?a=1&b=%20#c`
    const link = await seedLink(client, { target, ...over })
    const follow = (headers: Record<string, string> = {}) => suite.anyone.get(`/l/${link.code}`, headers)
    return { client, suite, tenant, link, target, follow }
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

  it('bears hostile headers, and counts each visit', async () => {
    const { client, follow, link } = await setup()
    const names = [
      'user-agent',
      'referer',
      'accept-language',
      'accept',
      'cookie',
      'sec-gpc',
      'purpose',
      'x-forwarded-for',
    ]
    const binary = Array.from({ length: 128 }, (_, n) => String.fromCharCode(128 + n)).join('')
    const values = [
      ...['x'.repeat(10_000), ','.repeat(10_000), ';q='.repeat(3_000), binary, `${binary}\t`.repeat(70), '', '%00%ff'],
      ...[
        "' or 1=1 --",
        '{"__proto__":1}',
        '::ffff:127.0.0.1',
        '=cmd|x',
        '(((((((((a+)+)+)+)+)+)+)+)+',
        'https://[::1',
        'xn--',
      ],
    ]
    let visits = 0
    for (const name of names) {
      for (const value of values) {
        const { status } = await follow({ ...browser, [name]: value })
        assert.equal(status, 302, `${name}: ${value.slice(0, 30)}`)
        if (name !== 'purpose') visits++
      }
    }
    const counted = async () => {
      const { clicks, bots } = (await client.get(`/api/v1/links/${link.id}/clicks`)).body.total
      return clicks + bots
    }
    await eventually(async () => (await counted()) >= visits)
    const shown = await client.get(`/api/v1/links/${link.id}/analytics?by=browser&by=language&by=referrer&by=os`)
    assert.equal(shown.status, 200)
  })

  it('no link leads to another one of ours, whichever way it is asked to', async () => {
    const { client, link, suite } = await setup()
    const path = `/api/v1/links/${(await seedLink(client)).id}`
    const { origin, host } = new URL(suite.url)
    const spellings = [link.shortUrl, `${origin}/L/${link.code}`, `https://${host}//l/${link.code}`]
    for (const ours of [...spellings, `${origin}/%6c/${link.code}`, `${origin}/x/../l/${link.code}#x`]) {
      const target = 'https://example.com/'
      for (const body of [
        { target: ours },
        { target, rules: [{ when: { devices: ['mobile'] }, target: ours }] },
        { target, split: [{ target: ours, weight: 1 }] },
      ]) {
        const made = await client.post('/api/v1/links', body)
        assert.deepEqual([made.status, made.body.code], [422, 'target_refused'], ours)
        const changed = await client.patch(path, body, { 'if-match': '*' })
        assert.deepEqual([changed.status, changed.body.errors[0].code], [422, 'loop'], ours)
      }
    }
  })

  it('two links that were led to each other behind our back go round by way of the visitor, each visit counted once', async () => {
    const { client, link, suite, tenant } = await setup()
    const other = await seedLink(client)
    // As before the public address was changed to what they lead to.
    await suite.db.admin((session) =>
      session.query(
        `update ${tenant.schema}.links set target = case id when $1 then $3 else $4 end where id in ($1, $2)`,
        [link.id, other.id, other.shortUrl, link.shortUrl],
      ),
    )
    let at = link.shortUrl
    for (let hop = 0; hop < 6; hop++) {
      const { headers, status } = await suite.anyone.get(new URL(at).pathname, browser)
      assert.equal(status, 302)
      at = headers.get('location') ?? ''
      assert.equal(at, hop % 2 === 0 ? other.shortUrl : link.shortUrl)
    }
    for (const { id } of [link, other]) {
      await eventually(async () => (await client.get(`/api/v1/links/${id}/clicks`)).body.total.clicks === 3)
    }
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
