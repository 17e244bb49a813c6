import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { NewLink } from '../src/contract.ts'
import { seedLink } from '../src/testing.ts'
import { browser, describeEverywhere } from './setup.ts'

describeEverywhere('limits on a link', (place) => {
  async function setup(over: Partial<NewLink> = {}) {
    const { client, suite } = place()
    const link = await seedLink(client, { target: 'https://example.com/limited', ...over })
    const follow = (headers: Record<string, string> = browser, query = '', method = 'GET') =>
      suite.anyone.send(method, `/l/${link.code}${query}`, { headers })
    const change = (body: object) => client.patch(`/api/v1/links/${link.id}`, body, { 'if-match': '*' })
    return { client, suite, link, follow, change }
  }
  const inMs = (ms: number) => new Date(place().suite.clock.now() + ms).toISOString()

  it('before it begins there is no such link; then it leads', async () => {
    const { client, follow, link, suite } = await setup({ startsAt: inMs(60_000), expiresAt: inMs(120_000) })
    assert.equal(link.status, 'scheduled')
    const before = await suite.anyone.get(`/l/${link.code}`)
    assert.deepEqual([before.status, before.body.code], [404, 'link_not_found'])
    const listed = async (status: string) => {
      const { body } = await client.get(`/api/v1/links?status=${status}&q=${link.code}`)
      return body.data.length
    }
    assert.deepEqual([await listed('scheduled'), await listed('active')], [1, 0])
    suite.clock.advance(60_000)
    assert.equal((await follow()).status, 302)
    assert.deepEqual([await listed('scheduled'), await listed('active')], [0, 1])
    suite.clock.advance(60_000)
    assert.equal((await follow()).status, 410)
  })

  it('one that ends before it begins is refused, made or changed', async () => {
    const { client, change } = await setup({ expiresAt: inMs(60_000) })
    const made = await client.post('/api/v1/links', {
      target: 'https://example.com/',
      startsAt: inMs(60_000),
      expiresAt: inMs(59_000),
    })
    for (const answer of [made, await change({ startsAt: inMs(61_000) })]) {
      assert.equal(answer.status, 422)
      assert.equal(answer.body.errors[0].pointer, '/body/startsAt')
      assert.equal(answer.body.errors[0].code, 'order')
    }
    assert.equal((await change({ startsAt: inMs(30_000) })).body.status, 'scheduled')
  })

  it('a maximum of visits lets exactly so many pass, however many processes are asked at once', async () => {
    const { follow, link, suite } = await setup({ maxVisits: 25 })
    await using second = await suite.second()
    await using third = await suite.second()
    const nodes = [suite, second, third]
    const answers = await Promise.all(
      Array.from({ length: 90 }, (_, n) =>
        (nodes[n % 3] ?? suite).anyone.get(`/l/${link.code}`, { ...browser, accept: 'application/json' }),
      ),
    )
    const statuses = answers.map(({ status }) => status)
    assert.equal(statuses.filter((status) => status === 302).length, 25)
    assert.equal(statuses.filter((status) => status === 410).length, 65)
    assert.equal((await follow()).status, 410)
  })

  it('more visits pass when the maximum is raised, none when it is lowered, all when it is taken away', async () => {
    const { change, follow } = await setup({ maxVisits: 2 })
    const visits = async (count: number) => {
      const statuses: number[] = []
      for (let n = 0; n < count; n++) statuses.push((await follow()).status)
      return statuses
    }
    assert.deepEqual(await visits(3), [302, 302, 410])
    await change({ maxVisits: 3 })
    assert.deepEqual(await visits(2), [302, 410])
    await change({ maxVisits: 1 })
    assert.deepEqual(await visits(1), [410])
    await change({ maxVisits: null })
    assert.deepEqual(await visits(3), [302, 302, 302])
    await change({ maxVisits: 4 })
    assert.deepEqual(await visits(2), [302, 410])
  })

  it('nobody is told the target of a link with a maximum for nothing, and previews use no visit up', async () => {
    const { follow } = await setup({ maxVisits: 1 })
    const looks = [
      await follow({ ...browser, 'user-agent': 'Slackbot-LinkExpanding 1.0' }),
      await follow({ 'user-agent': '' }),
      await follow({ ...browser, 'sec-purpose': 'prefetch' }),
      await follow(browser, '', 'HEAD'),
    ]
    for (const { body, headers, status } of looks) {
      assert.equal(status, 200)
      assert.equal(headers.get('location'), null)
      assert.ok(!JSON.stringify(body).includes('example.com'))
    }
    assert.equal((await follow()).headers.get('location'), 'https://example.com/limited')
    assert.equal((await follow()).status, 410)
  })

  for (const status of [301, 302, 307, 308] as const) {
    it(`redirects by ${status} when it says so, and is kept by no cache`, async () => {
      const { follow, link } = await setup({ redirectStatus: status })
      assert.equal(link.redirectStatus, status)
      for (const method of ['GET', 'HEAD']) {
        const answer = await follow(browser, '', method)
        assert.equal(answer.status, status)
        assert.equal(answer.headers.get('location'), 'https://example.com/limited')
        assert.equal(answer.headers.get('cache-control'), 'private, max-age=0')
      }
    })
  }

  it('forwards the query of a visit when it says so, and changes nothing of its own', async () => {
    const { change, follow } = await setup({ target: 'https://example.com/p?a=1#part', forwardQuery: true })
    const to = async (query: string) => (await follow(browser, query)).headers.get('location')
    assert.equal(await to('?b=2&c=x%20y&b=3&a=evil'), 'https://example.com/p?a=1&b=2&b=3&c=x+y#part')
    assert.equal(await to(''), 'https://example.com/p?a=1#part')
    assert.equal(await to('?b=%0d%0aX-Evil:1'), 'https://example.com/p?a=1&b=%0D%0AX-Evil%3A1#part')
    assert.equal(await to('?__proto__=x'), 'https://example.com/p?a=1&__proto__=x#part')
    await change({ forwardQuery: false })
    assert.equal(await to('?b=2'), 'https://example.com/p?a=1#part')
  })

  it('adds its campaign parameters, but for those that the target has, before what a visit brings', async () => {
    const utm = { campaign: 'spring & co', source: 'news', medium: ' email ' }
    const { change, follow, link } = await setup({
      target: 'https://example.com/?utm_medium=own#x',
      utm,
      forwardQuery: true,
    })
    assert.deepEqual(link.utm, { source: 'news', medium: 'email', campaign: 'spring & co' })
    const to = async (query: string) => (await follow(browser, query)).headers.get('location')
    const campaign = 'https://example.com/?utm_medium=own&utm_source=news&utm_campaign=spring+%26+co'
    assert.equal(await to(''), `${campaign}#x`)
    assert.equal(await to('?utm_source=other&a=1'), `${campaign}&a=1#x`)
    const { version } = (await change({ utm: { medium: 'email', source: 'news', campaign: 'spring & co' } })).body
    assert.equal(version, link.version)
    assert.equal((await change({ utm: null })).body.utm, null)
    assert.equal(await to(''), 'https://example.com/?utm_medium=own#x')
  })

  const refused: [field: string, value: unknown][] = [
    ['maxVisits', 0],
    ['maxVisits', 1.5],
    ['maxVisits', 1_000_000_001],
    ['maxVisits', '5'],
    ['redirectStatus', 300],
    ['redirectStatus', 303],
    ['redirectStatus', '301'],
    ['redirectStatus', null],
    ['forwardQuery', 'yes'],
    ['startsAt', '2026-02-30T00:00:00Z'],
    ['startsAt', 5],
    ['utm', 'utm_source=x'],
    ['utm', {}],
    ['utm', { source: '' }],
    ['utm', { source: 'x'.repeat(201) }],
    ['utm', { utm_source: 'x' }],
  ]
  for (const [field, value] of refused) {
    it(`refuses ${field} ${JSON.stringify(value)}`, async () => {
      const answer = await place().client.post('/api/v1/links', { target: 'https://example.com/', [field]: value })
      assert.equal(answer.status, 422)
      assert.match(answer.body.errors[0].pointer, new RegExp(`^/body/${field}`))
    })
  }
})
