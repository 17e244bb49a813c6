import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { NewLink } from '../src/contract.ts'
import { seedLink } from '../src/testing.ts'
import { browser, describeEverywhere } from './setup.ts'

describeEverywhere('links with a password', (place) => {
  async function setup(over: object = {}) {
    const { client, suite } = place()
    const link = await seedLink(client, { target: 'https://example.com/secret', password: 'Öffne dich', ...over })
    const path = `/l/${link.code}`
    const get = (headers: Record<string, string> = {}) =>
      fetch(suite.url + path, { headers: { ...browser, ...headers }, redirect: 'manual' })
    const say = (password: string, headers: Record<string, string> = {}) =>
      fetch(suite.url + path, {
        method: 'POST',
        body: new URLSearchParams({ password }),
        headers: { ...browser, ...headers },
        redirect: 'manual',
      })
    const change = (body: object) => client.patch(`/api/v1/links/${link.id}`, body, { 'if-match': '*' })
    return { client, suite, link, path, get, say, change }
  }

  const cookieOf = (answer: Response) => answer.headers.get('set-cookie')?.split(';')[0] ?? ''

  it('ask for it on a page without a script, and lead on who says it', async () => {
    const { get, link, say } = await setup()
    assert.equal(link.hasPassword, true)
    assert.ok(!JSON.stringify(link).includes('dich'))
    const asked = await get()
    const html = await asked.text()
    assert.deepEqual([asked.status, asked.headers.get('location')], [200, null])
    assert.match(html, /<form method="post">\s*<label for="password">/)
    assert.ok(!html.includes('<script') && !html.includes('example.com') && html.includes('noindex'))
    const wrong = await say('offne dich')
    assert.equal(wrong.status, 403)
    assert.match(await wrong.text(), /role="alert"/)
    assert.equal(wrong.headers.get('set-cookie'), null)
    const right = await say('Öffne dich')
    assert.deepEqual([right.status, right.headers.get('location')], [303, 'https://example.com/secret'])
    assert.match(right.headers.get('set-cookie') ?? '', /; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax$/)
  })

  it('remember who has said it, for this link and a day, until the password changes', async () => {
    const { change, get, say, suite } = await setup()
    const other = await setup()
    const cookie = cookieOf(await say('Öffne dich'))
    const follow = async (given = cookie) => (await get({ cookie: given })).status
    assert.equal(await follow(`a=b; ${cookie}; c=d`), 302)
    assert.equal((await other.get({ cookie })).status, 200)
    const [name, value = ''] = cookie.split('=')
    const [until, seal] = value.split('.')
    for (const forged of [
      `${name}=${Number(until) + 1}.${seal}`,
      `${name}=${until}.`,
      `${name}=`,
      `${name}=${until}.${seal}x`,
      'x'.repeat(8_000),
    ]) {
      assert.equal(await follow(forged), 200, forged.slice(0, 60))
    }
    await change({ title: 'other' })
    assert.equal(await follow(), 302)
    await change({ password: 'Öffne dich' })
    assert.equal(await follow(), 200)
    const again = cookieOf(await say('Öffne dich'))
    assert.equal(await follow(again), 302)
    suite.clock.advance(86_400_001)
    assert.equal(await follow(again), 200)
    assert.equal((await change({ password: null })).body.hasPassword, false)
    assert.equal(await follow(''), 302)
  })

  it('tell programs by a problem, and tell nobody where they lead', async () => {
    const { path, suite } = await setup({
      rules: [{ when: { devices: ['desktop'] }, target: 'https://example.com/rule' }],
    })
    const { body, headers, status } = await suite.anyone.get(path)
    assert.deepEqual([status, body.code, headers.get('location')], [403, 'link_password_required', null])
    assert.equal((await suite.anyone.send('HEAD', path, { headers: browser })).headers.get('location'), null)
  })

  it('count a visit when it is led on, and use none of a maximum up before', async () => {
    const { get, say } = await setup({ maxVisits: 1 })
    for (let n = 0; n < 3; n++) assert.equal((await get()).status, 200)
    assert.equal((await say('wrong')).status, 403)
    assert.equal((await say('Öffne dich')).status, 303)
    assert.equal((await say('Öffne dich')).status, 410)
  })

  it('let one address try ten passwords, and then one every 30 seconds', async () => {
    const { say, suite, path } = await setup()
    const statuses: number[] = []
    for (let n = 0; n < 11; n++) statuses.push((await say(`guess ${n}`)).status)
    assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 403), 429])
    const late = await say('Öffne dich')
    assert.equal(late.status, 429)
    assert.match(late.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    assert.match(await late.text(), /Too many attempts/)
    const problem = await fetch(suite.url + path, { method: 'POST', body: new URLSearchParams({ password: 'x' }) })
    assert.deepEqual([problem.status, ((await problem.json()) as { code: string }).code], [429, 'rate_limited'])
    assert.equal((await (await setup()).say('Öffne dich')).status, 303)
  })

  it('are kept as a hash of their own each, and the event does not have them', async () => {
    const [one, other] = [await setup(), await setup()]
    const { suite } = one
    const { tenant } = place()
    const rows = await suite.db.admin((session) =>
      session.query<{ password: string }>(`select password from ${tenant.schema}.links where id = any ($1)`, [
        [one.link.id, other.link.id],
      ]),
    )
    const [first, second] = rows.map(({ password }) => password)
    assert.match(first ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    assert.notEqual(first, second)
    const [event] = await suite.events(({ data, type }) => type === 'link.created' && data.id === one.link.id, 1)
    assert.equal(event?.data.hasPassword, true)
    assert.ok(!JSON.stringify(event).includes('argon2') && !JSON.stringify(event).includes('dich'))
    await one.change({ password: 'new' })
    const [changed] = await suite.events(({ data, type }) => type === 'link.updated' && data.id === one.link.id, 1)
    assert.deepEqual(changed?.data.changed, ['password'])
  })

  it('take a form and nothing else', async () => {
    const { path, suite } = await setup()
    const send = async (body: string, type: string) =>
      (await fetch(suite.url + path, { method: 'POST', body, headers: { 'content-type': type } })).status
    const form = 'application/x-www-form-urlencoded'
    assert.equal(await send('{"password":"x"}', 'application/json'), 403)
    for (const [body, status] of [
      ['', 422],
      ['password=', 422],
      ['password=a&other=b', 422],
      [`password=${'x'.repeat(129)}`, 422],
      ['password=%00', 422],
      [`password=${'x'.repeat(5_000)}`, 413],
      ['__proto__=x&password=y', 422],
      ['password=%ff%fe', 403],
    ] as const) {
      assert.equal(await send(body, form), status, body.slice(0, 30))
    }
    assert.equal(await send('password=x', 'text/plain'), 415)
    assert.equal(
      (await fetch(`${suite.url}/l/nothing-here`, { method: 'POST', body: new URLSearchParams({ password: 'x' }) }))
        .status,
      404,
    )
    assert.equal(
      (await fetch(`${suite.url}/api/v1/links`, { method: 'POST', body: new URLSearchParams({ a: 'x' }) })).status,
      401,
    )
  })

  it('are asked of no more than they need: a link without one is led on by whoever says one', async () => {
    const { say } = await setup({ password: null })
    assert.equal((await say('anything')).status, 303)
  })

  for (const password of ['', 5, 'x'.repeat(129), ['a']]) {
    it(`refuse ${JSON.stringify(password).slice(0, 20)} as a password`, async () => {
      const answer = await place().client.post('/api/v1/links', { target: 'https://example.com/', password })
      assert.deepEqual([answer.status, answer.body.errors[0].pointer], [422, '/body/password'])
    })
  }
})

describeEverywhere('cards for previews', (place) => {
  const card = { title: 'Spring <b>"sale"</b>', description: "it's & more", image: 'https://Example.com/a.png?b=1&c=2' }
  const PREVIEW = { 'user-agent': 'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)' }

  async function setup(over: object = {}) {
    const { client, suite } = place()
    const link = await seedLink(client, { target: 'https://example.com/page', card, ...over })
    const get = (headers: Record<string, string>) => suite.anyone.get(`/l/${link.code}`, headers)
    return { client, link, get, suite }
  }

  it('are what programs get that make previews, escaped and not to be indexed; people are led on', async () => {
    const { get, link } = await setup()
    assert.equal(link.card?.image, 'https://example.com/a.png?b=1&c=2')
    const answer = await get(PREVIEW)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8')
    for (const tag of [
      '<meta name="robots" content="noindex">',
      `<meta property="og:url" content="${link.shortUrl}">`,
      '<meta property="og:title" content="Spring &lt;b&gt;&quot;sale&quot;&lt;/b&gt;">',
      '<meta property="og:description" content="it&#39;s &amp; more">',
      '<meta property="og:image" content="https://example.com/a.png?b=1&amp;c=2">',
      '<meta property="og:type" content="website">',
      '<meta name="twitter:card" content="summary_large_image">',
    ]) {
      assert.ok(answer.body.includes(tag), tag)
    }
    assert.ok(!answer.body.includes('/page') && !answer.body.includes('<b>'))
    assert.equal((await get(browser)).headers.get('location'), 'https://example.com/page')
  })

  const programs = [
    'Twitterbot/1.0',
    'Slackbot-LinkExpanding 1.0',
    'LinkedInBot/1.0',
    'Mozilla/5.0 (compatible; Discordbot/2.0)',
    'TelegramBot (like TwitterBot)',
    'WhatsApp/2.23.20.0',
    'SkypeUriPreview Preview/0.5',
    'Iframely/1.3.1',
    'meta-externalagent/1.1',
  ]
  const others = [
    browser['user-agent'],
    'curl/8.5.0',
    'Googlebot/2.1',
    'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 WhatsApp/2.24',
  ]

  it('go to programs that make previews and to nobody else', async () => {
    const { get } = await setup()
    for (const agent of programs) assert.equal((await get({ 'user-agent': agent })).status, 200, agent)
    for (const agent of others) assert.equal((await get({ 'user-agent': agent })).status, 302, agent)
  })

  it('use up no visit, ask for no password, and end with the link', async () => {
    const { client, get, link } = await setup({ maxVisits: 1, password: 'x' })
    for (let n = 0; n < 3; n++) assert.equal((await get(PREVIEW)).status, 200)
    await client.patch(`/api/v1/links/${link.id}`, { password: null, card: null }, { 'if-match': '*' })
    assert.match((await get(PREVIEW)).body, /limited number of times/)
    assert.equal((await get(browser)).status, 302)
    await client.post(`/api/v1/links/${link.id}/archival`)
    assert.equal((await get(PREVIEW)).status, 410)
  })

  for (const [given, pointer] of [
    [{}, '/body/card'],
    [{ title: ' ' }, '/body/card'],
    [{ title: 'x'.repeat(201) }, '/body/card'],
    [{ title: 'x', image: 'javascript:alert(1)' }, '/body/card/image'],
    [{ title: 'x', image: 'data:image/png;base64,AA==' }, '/body/card/image'],
    [{ title: 'x', image: 'http://169.254.169.254/' }, '/body/card/image'],
    [{ title: 'x', html: '<script>' }, '/body/card'],
  ] as const) {
    it(`are refused as ${JSON.stringify(given).slice(0, 60)}`, async () => {
      const answer = await place().client.post('/api/v1/links', { target: 'https://example.com/', card: given })
      assert.deepEqual([answer.status, answer.body.errors[0].pointer], [422, pointer])
    })
  }
})

describeEverywhere('hostile headers of a visit', (place) => {
  const texts = [
    'x'.repeat(10_000),
    '\u00ff\u00fe\u0080',
    '('.repeat(10_000),
    'a,'.repeat(5_000),
    ';q=,;;;q=1,',
    '%00%ff',
    '../'.repeat(3_000),
  ]
  it('change nothing about where it leads', async () => {
    const { client, suite } = place()
    const rules: NewLink['rules'] = [
      { when: { browsers: ['samsung'] }, target: 'https://example.com/samsung' },
      { when: { languages: ['xx'] }, target: 'https://example.com/xx' },
    ]
    const card = { title: 'x' }
    const link = await seedLink(client, {
      target: 'https://example.com/page',
      rules,
      card,
      split: [{ target: 'https://example.com/split', weight: 1 }],
    })
    for (const text of texts) {
      for (const name of [
        'user-agent',
        'referer',
        'accept-language',
        'cookie',
        'accept',
        'sec-purpose',
        'x-forwarded-host',
      ]) {
        const answer = await suite.anyone.get(`/l/${link.code}?a=1`, { [name]: text })
        assert.deepEqual(
          [answer.status, answer.headers.get('location')],
          [302, 'https://example.com/split'],
          `${name}: ${text.slice(0, 20)}`,
        )
      }
    }
  })
})
