import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seedLink } from '../src/testing.ts'
import { browser, describeEverywhere } from './setup.ts'

const PHONE =
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36'

describeEverywhere('leading visitors by rules', (place) => {
  const rules = [
    { name: 'app', when: { os: ['android'] }, target: 'https://example.com/app?a=1' },
    { when: { languages: ['fr'] }, target: 'https://example.com/fr' },
    { when: { query: [{ name: 'ref', values: ['tv'] }] }, target: 'https://example.com/tv' },
    { when: { addresses: ['127.0.0.0/8'], until: '2020-01-01T00:00:00Z' }, target: 'https://example.com/never' },
  ]

  async function setup(over: object = {}) {
    const { client, suite } = place()
    const link = await seedLink(client, { target: 'https://example.com/all', ...over })
    const path = `/api/v1/links/${link.id}`
    const follow = async (headers: Record<string, string> = {}, query = '') =>
      (await suite.anyone.get(`/l/${link.code}${query}`, { ...browser, ...headers })).headers.get('location')
    const change = (body: object) => client.patch(path, body, { 'if-match': '*' })
    const simulate = (body: object) => client.post(`${path}/simulation`, body)
    return { client, suite, link, path, follow, change, simulate }
  }

  it('the first rule that holds says where, and else the target of the link', async () => {
    const { client, follow, link, path } = await setup({ rules, utm: { source: 'x' } })
    assert.equal(await follow({ 'user-agent': PHONE }, '?ref=tv'), 'https://example.com/app?a=1&utm_source=x')
    assert.equal(await follow({ 'accept-language': 'fr-CH, en' }), 'https://example.com/fr?utm_source=x')
    assert.equal(await follow({}, '?ref=tv'), 'https://example.com/tv?utm_source=x')
    assert.equal(await follow(), 'https://example.com/all?utm_source=x')
    assert.deepEqual(link.rules.length, 4)
    assert.deepEqual((await client.get(path, { 'cache-control': 'no-cache' })).body, link)
  })

  it('a link with a maximum, and one that forwards the query, lead by rules too', async () => {
    const counted = await setup({ rules, maxVisits: 5, forwardQuery: true })
    assert.equal(await counted.follow({ 'user-agent': PHONE }, '?b=2&ref=tv'), 'https://example.com/app?a=1&b=2&ref=tv')
    assert.equal(await counted.follow({}, '?ref=tv'), 'https://example.com/tv?ref=tv')
  })

  it('a change holds at once, and one to the same changes nothing', async () => {
    const { change, follow, link } = await setup({ rules })
    assert.equal((await change({ rules })).body.version, link.version)
    const changed = (await change({ rules: [], split: [{ target: 'https://example.com/b', weight: 5 }] })).body
    assert.deepEqual(changed.rules, [])
    assert.equal(await follow({ 'user-agent': PHONE }), 'https://example.com/b')
    const { body } = await change({ split: [] })
    assert.deepEqual(body.split, [])
    assert.equal(await follow(), 'https://example.com/all')
  })

  it('a split leads the same visitor to the same target each time', async () => {
    const split = Array.from({ length: 10 }, (_, n) => ({ target: `https://example.com/${n}`, weight: 1 }))
    const { follow } = await setup({ split })
    const to = await follow()
    for (let n = 0; n < 5; n++) assert.equal(await follow(), to)
  })

  it('the event has the rules, and says that they changed', async () => {
    const { change, link, suite } = await setup()
    await change({ rules })
    const [event] = await suite.events((e) => e.type === 'link.updated' && e.data.id === link.id, 1)
    assert.deepEqual(event?.data.changed, ['rules'])
    assert.equal((event?.data.rules as object[] | undefined)?.length, 4)
  })

  it('a simulation says which rule wins and why, and counts nothing', async () => {
    const { simulate } = await setup({ rules, maxVisits: 1 })
    const { body, status } = await simulate({ userAgent: PHONE, acceptLanguage: 'fr', query: 'ref=tv', country: 'IN' })
    assert.equal(status, 200)
    assert.deepEqual(body.by, { kind: 'rule', index: 0, name: 'app' })
    assert.equal(body.status, 302)
    assert.equal(body.target, 'https://example.com/app?a=1')
    const visitor = { device: 'mobile', os: 'android', browser: 'chrome', language: 'fr', country: 'IN' }
    assert.deepEqual(body.visitor, visitor)
    assert.deepEqual(
      body.rules.map(({ holds }: { holds: boolean }) => holds),
      [true, true, true, false],
    )
    assert.deepEqual(body.rules[3].conditions[1], { condition: 'addresses', holds: false, saw: null })
    for (let n = 0; n < 3; n++) assert.equal((await simulate({})).body.by.kind, 'target')
  })

  it('a simulation leads where a visit leads, and nowhere when the link is down', async () => {
    const split = Array.from({ length: 10 }, (_, n) => ({ target: `https://example.com/${n}`, weight: 1 }))
    const { client, follow, path, simulate } = await setup({ split, utm: { source: 'x' } })
    const tried = (await simulate({ userAgent: browser['user-agent'], address: '127.0.0.1' })).body
    assert.equal(tried.target, await follow())
    assert.equal(tried.by.kind, 'split')
    await client.post(`${path}/archival`)
    const down = (await simulate({})).body
    assert.deepEqual([down.status, down.target, down.by.kind], [410, null, 'none'])
  })

  it('a simulation needs the permission to read, and the link of the tenant', async () => {
    const { path, suite } = await setup({ rules })
    const { tenant } = place()
    assert.equal((await suite.as(tenant, 'links:write').post(`${path}/simulation`, {})).status, 403)
    assert.equal((await suite.as(tenant, 'links:read').post(`${path}/simulation`, {})).status, 200)
    for (const other of Object.values(suite.tenants).filter(({ id }) => id !== tenant.id)) {
      assert.equal((await suite.as(other).post(`${path}/simulation`, {})).status, 404)
    }
  })

  const target = 'https://example.com/'
  const when = { devices: ['mobile'] }
  const refused: [field: string, value: unknown, pointer: string][] = [
    ['rules', [{ when: {}, target }], '/body/rules/0/when'],
    ['rules', [{ target }], '/body/rules/0/when'],
    ['rules', [{ when }], '/body/rules/0/target'],
    ['rules', [{ when: { devices: [] }, target }], '/body/rules/0/when/devices'],
    ['rules', [{ when: { devices: ['fridge'] }, target }], '/body/rules/0/when/devices/0'],
    ['rules', [{ when: { colour: ['red'] }, target }], '/body/rules/0/when/colour'],
    ['rules', [{ when: { countries: ['in'] }, target }], '/body/rules/0/when/countries/0'],
    ['rules', [{ when: { languages: ['*'] }, target }], '/body/rules/0/when/languages/0'],
    ['rules', [{ when: { query: [{}] }, target }], '/body/rules/0/when/query/0/name'],
    ['rules', [{ when: { addresses: ['example.com'] }, target }], '/body/rules/0/when/addresses/0'],
    ['rules', [{ when: { addresses: ['10.0.0.0/33'] }, target }], '/body/rules/0/when/addresses/0'],
    ['rules', [{ when: { addresses: ['10.0.0.0/8/8'] }, target }], '/body/rules/0/when/addresses/0'],
    ['rules', [{ when: { addresses: ['10.0.0.0/'] }, target }], '/body/rules/0/when/addresses/0'],
    ['rules', [{ when: { addresses: ['::1/-1'] }, target }], '/body/rules/0/when/addresses/0'],
    ['rules', [{ when: { addresses: ['fe80::1%eth0'] }, target }], '/body/rules/0/when/addresses/0'],
    ['rules', [{ when: { from: '2026-02-30T00:00:00Z' }, target }], '/body/rules/0/when/from'],
    [
      'rules',
      [{ when: { from: '2026-03-01T00:00:00Z', until: '2026-03-01T00:00:00Z' }, target }],
      '/body/rules/0/when/from',
    ],
    ['rules', [{ when, target: 'javascript:alert(1)' }], '/body/rules/0/target'],
    ['rules', [{ when, target: 'http://127.0.0.1/' }], '/body/rules/0/target'],
    ['rules', Array.from({ length: 21 }, () => ({ when, target })), '/body/rules'],
    ['rules', null, '/body/rules'],
    ['split', [{ target, weight: 0 }], '/body/split/0/weight'],
    ['split', [{ target, weight: 1.5 }], '/body/split/0/weight'],
    ['split', [{ target }], '/body/split/0/weight'],
    ['split', [{ target: 'data:text/html,x', weight: 1 }], '/body/split/0/target'],
    [
      'split',
      [
        { target, weight: 1 },
        { target: 'https://EXAMPLE.com', weight: 2 },
      ],
      '/body/split/1/target',
    ],
  ]
  for (const [field, value, pointer] of refused) {
    it(`refuses ${field} ${JSON.stringify(value)?.slice(0, 80)}`, async () => {
      const answer = await place().client.post('/api/v1/links', { target, [field]: value })
      assert.equal(answer.status, 422, JSON.stringify(answer.body))
      assert.equal(answer.body.errors[0].pointer, pointer)
    })
  }
})
