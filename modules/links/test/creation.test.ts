import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { describeEverywhere, type Place } from './setup.ts'

describeEverywhere('creating links', (place) => {
  it('gives a code of seven characters, normalises the target, and shows what was stored', async () => {
    const { client, suite } = place()
    const body = { target: 'https://EXAMPLE.com', tags: [' a ', 'b', 'a'], title: 'Ünïcode 🎉' }
    const answer = await client.post('/api/v1/links', body)
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    const link = answer.body
    assert.match(link.code, /^[0-9A-Za-z]{7}$/)
    assert.equal(link.shortUrl, `${suite.url}/l/${link.code}`)
    assert.equal(link.target, 'https://example.com/')
    assert.equal(link.title, 'Ünïcode 🎉')
    assert.deepEqual(link.tags, ['a', 'b'])
    assert.equal(link.status, 'active')
    assert.equal(link.version, 1)
    assert.equal(link.createdBy, 'apiKey:test')
    assert.equal(answer.headers.get('etag'), '"1"')
    assert.equal(answer.headers.get('location'), `/api/v1/links/${link.id}`)
    assert.deepEqual((await client.get(`/api/v1/links/${link.id}`)).body, link)
  })

  it('commits one event with the link in it', async () => {
    const { client, suite } = place()
    const { body: link } = await client.post('/api/v1/links', { target: 'https://example.com/event' })
    const [event] = await suite.events((e) => e.type === 'link.created' && e.data.id === link.id, 1)
    assert.deepEqual(event?.subjects, [`link:${link.id}`])
    assert.equal(event?.data.target, 'https://example.com/event')
    assert.equal(event?.data.code, link.code)
    assert.deepEqual(event?.actor, { type: 'apiKey', id: 'test' })
  })

  it('takes a slug, which is then taken for every tenant, in this spelling only', async () => {
    const { client, suite, tenant } = place()
    const slug = `Sale-${tenant.slug}`
    const first = await client.post('/api/v1/links', { target: 'https://example.com/', slug })
    assert.equal(first.status, 201)
    assert.equal(first.body.code, slug)
    for (const caller of [client, suite.as(suite.tenants.neighbour)]) {
      const again = await caller.post('/api/v1/links', { target: 'https://example.com/', slug })
      assert.equal(again.status, 409)
      assert.equal(again.body.code, 'slug_taken')
      assert.equal(again.body.errors[0].pointer, '/body/slug')
    }
    const otherCase = await client.post('/api/v1/links', { target: 'https://example.com/', slug: slug.toUpperCase() })
    assert.equal(otherCase.status, 201)
  })

  it('gives a contested slug to exactly one, and keeps nothing of the others', async () => {
    const { client, suite, tenant } = place()
    const slug = `race-${tenant.slug}`
    const callers = Array.from({ length: 12 }, (_, i) => (i % 2 ? client : suite.as(suite.tenants.neighbour)))
    const answers = await Promise.all(
      callers.map((caller) => caller.post('/api/v1/links', { target: 'https://example.com/', slug })),
    )
    const statuses = answers.map((answer) => answer.status).sort()
    assert.deepEqual(statuses, [201, ...Array(11).fill(409)])
    const lists = await Promise.all(
      [client, suite.as(suite.tenants.neighbour)].map((c) => c.get(`/api/v1/links?q=${slug}`)),
    )
    assert.equal(lists.flatMap((list) => list.body.data).length, 1)
  })

  it('steps over a slug that looks like the next generated code', async () => {
    const { client } = place()
    const { codes, next } = await upcomingCodes(place())
    assert.equal((await client.post('/api/v1/links', { target: 'https://example.com/', slug: codes[0] })).status, 201)
    const generated = await next()
    assert.equal(generated.status, 201)
    assert.notEqual(generated.body.code, codes[0])
  })

  it('gives each of many concurrent callers a code of its own', async () => {
    const { client } = place()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => client.post('/api/v1/links', { target: `https://example.com/${i}` })),
    )
    assert.equal(new Set(answers.map((answer) => answer.body.code)).size, 40)
  })

  it('gives the link that there is already where that is asked for, if it is all that the new one would be', async () => {
    const { client } = place()
    const target = `https://example.com/reused/${newId()}?a=%C3%A4`
    const make = (over: object = {}) => client.post('/api/v1/links', { target, reuse: true, ...over })
    const many = await Promise.all(Array.from({ length: 5 }, () => make()))
    const [first] = many
    assert.deepEqual(many.map(({ status }) => status).sort(), [200, 200, 200, 200, 201])
    assert.equal(new Set(many.map(({ body }) => body.id)).size, 1)
    const utm = { source: 'mail' }
    const tagged = await make({ tags: [' a ', 'a'], utm, title: 'T' })
    assert.equal(tagged.status, 201)
    const again = await make({ target: ` ${target.replace('https', 'HTTPS')}`, tags: ['a'], utm, title: 'T' })
    assert.deepEqual([again.status, again.body], [200, tagged.body])
    for (const [index, over] of [
      { reuse: false },
      { reuse: undefined },
      { password: 'open' },
      { slug: `reused-${newId().slice(-8)}` },
      { maxVisits: 5 },
      { rules: [{ when: { devices: ['mobile'] }, target: 'https://example.com/' }] },
      { target: `${target}&b=1` },
    ].entries()) {
      assert.equal((await make(over)).status, 201, String(index))
    }
    // The newest that is the same, and none that is down.
    const newest = (await client.get(`/api/v1/links?q=${encodeURIComponent(target)}&limit=100`)).body.data
    const same = newest.filter((link: { tags: unknown[]; maxVisits: unknown; code: string }) => link.tags.length === 0)
    const known = (await make()).body.id
    assert.ok(same.some(({ id }: { id: string }) => id === known))
    for (const { id } of same) await client.post(`/api/v1/links/${id}/archival`)
    const anew = await make()
    assert.equal(anew.status, 201)
    assert.notEqual(anew.body.id, first?.body.id)
    const stranger = place().suite.as(place().suite.tenants.neighbour)
    assert.equal((await stranger.post('/api/v1/links', { target, reuse: true })).status, 201)
  })

  it('answers a repeated request with the same idempotency key by the same link', async () => {
    const { client } = place()
    const key = { 'idempotency-key': `create-${Math.random()}` }
    const first = await client.post('/api/v1/links', { target: 'https://example.com/once' }, key)
    const again = await client.post('/api/v1/links', { target: 'https://example.com/once' }, key)
    assert.equal(again.status, 201)
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    assert.deepEqual(again.body, first.body)
  })

  const refused: [what: string, body: unknown, status: number, code: string, pointer: string][] = [
    ['no target', {}, 422, 'validation_failed', '/body/target'],
    ['a target that is not text', { target: 5 }, 422, 'validation_failed', '/body/target'],
    ['a scheme that runs script', { target: 'javascript:alert(1)' }, 422, 'target_refused', '/body/target'],
    ['a private address', { target: 'http://[::ffff:10.0.0.1]/' }, 422, 'target_refused', '/body/target'],
    [
      'an over-long target',
      { target: `https://e.example/${'x'.repeat(2048)}` },
      422,
      'validation_failed',
      '/body/target',
    ],
    [
      'a target that grows too long',
      { target: `https://e.example/${'ä'.repeat(1000)}` },
      422,
      'target_refused',
      '/body/target',
    ],
    ['a reserved slug', { target: 'https://e.example/', slug: 'API' }, 422, 'slug_invalid', '/body/slug'],
    ['a slug with a slash', { target: 'https://e.example/', slug: 'a/b/c' }, 422, 'slug_invalid', '/body/slug'],
    [
      'a slug of SQL',
      { target: 'https://e.example/', slug: "'; drop table links --" },
      422,
      'slug_invalid',
      '/body/slug',
    ],
    [
      'an expiry in the past',
      { target: 'https://e.example/', expiresAt: '2020-01-01T00:00:00Z' },
      422,
      'validation_failed',
      '/body/expiresAt',
    ],
    [
      'an expiry that is no time',
      { target: 'https://e.example/', expiresAt: 'tomorrow' },
      422,
      'validation_failed',
      '/body/expiresAt',
    ],
    [
      'an expiry on the 30th of February',
      { target: 'https://e.example/', expiresAt: '2099-02-30T25:00:00Z' },
      422,
      'validation_failed',
      '/body/expiresAt',
    ],
    ['a blank tag', { target: 'https://e.example/', tags: [' '] }, 422, 'validation_failed', '/body/tags/0'],
    [
      '21 tags',
      { target: 'https://e.example/', tags: Array.from({ length: 21 }, (_, i) => `t${i}`) },
      422,
      'validation_failed',
      '/body/tags',
    ],
    [
      'a title of 201 characters',
      { target: 'https://e.example/', title: 'x'.repeat(201) },
      422,
      'validation_failed',
      '/body/title',
    ],
    ['NUL in a title', { target: 'https://e.example/', title: 'a\u0000b' }, 422, 'validation_failed', '/body/title'],
    ['an unknown field', { target: 'https://e.example/', host: 'x' }, 422, 'validation_failed', '/body/host'],
  ]
  for (const [what, body, status, code, pointer] of refused) {
    it(`refuses ${what}: ${code}`, async () => {
      const answer = await place().client.post('/api/v1/links', body)
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.equal(answer.body.code, code)
      assert.ok(
        answer.body.errors.some((error: { pointer: string }) => error.pointer === pointer),
        JSON.stringify(answer.body.errors),
      )
    })
  }

  it('refuses a link to another link of this installation', async () => {
    const { suite } = place()
    const url = new URL(suite.url)
    const answer = await place().client.post('/api/v1/links', { target: `http://localhost:${url.port}/l/abc` })
    assert.equal(answer.body.code, 'target_refused')
  })

  it('stores text that looks like SQL or markup as it is', async () => {
    const title = `Robert'); DROP TABLE links;-- <b>"&"</b> \\ %_`
    const { client } = place()
    const { body } = await client.post('/api/v1/links', { target: 'https://example.com/', title, tags: ['{a,"b"}\''] })
    assert.equal(body.title, title)
    const { body: read } = await client.get(`/api/v1/links/${body.id}`)
    assert.equal(read.title, title)
    assert.deepEqual(read.tags, ['{a,"b"}\''])
  })
})

/** Which codes come next: the supply of the process is drawn once, and the permutation continued from there. */
async function upcomingCodes({ client }: Place) {
  const { codePermutation } = await import('../src/codes/short-code.ts')
  const { isKindCode } = await import('../src/codes/slug.ts')
  const permutation = codePermutation(Buffer.alloc(16, 'links.code'))
  const next = () => client.post('/api/v1/links', { target: 'https://example.com/' })
  const number = permutation.decode((await next()).body.code) ?? 0
  const codes = [1, 2, 3, 4, 5].map((i) => permutation.encode(number + i)).filter(isKindCode)
  return { codes, next }
}
