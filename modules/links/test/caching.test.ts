import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

describeEverywhere('reading links through the cache', (place) => {
  async function setup(over: object = {}) {
    const { client, suite, tenant } = place()
    const word = newId()
    const link = await seedLink(client, { title: word, ...over })
    const path = `/api/v1/links/${link.id}`
    const get = (headers = {}) => client.get(path, headers)
    const list = (query = '', headers = {}) => client.get(`/api/v1/links?q=${word}${query}`, headers)
    return { client, suite, tenant, link, path, get, list }
  }

  it('a link and a list are read once, and then kept', async () => {
    const { get, list, client, path } = await setup()
    for (const ask of [get, list]) {
      const [first, second] = [await ask(), await ask()]
      assert.deepEqual([first.headers.get('x-cache'), second.headers.get('x-cache')], ['miss', 'hit'])
      assert.deepEqual(second.body, first.body)
      assert.equal(second.headers.get('cache-control'), 'private, no-cache')
    }
    const tag = (await get()).headers.get('etag') ?? ''
    assert.equal((await get({ 'if-none-match': tag })).status, 304)
    assert.equal(
      (await client.get(path.toUpperCase().replace('/API/V1/LINKS', '/api/v1/links'))).headers.get('x-cache'),
      'hit',
    )
  })

  it('every change is read at once', async () => {
    const { client, get, list, path } = await setup()
    const changes: readonly (readonly [method: 'patch' | 'post' | 'delete', path: string, body?: object])[] = [
      ['patch', path, { target: 'https://example.com/new' }],
      ['patch', path, { tags: ['a'] }],
      ['post', `${path}/archival`],
      ['delete', `${path}/archival`],
      ['patch', path, { expiresAt: null, tags: [] }],
    ]
    for (const [method, at, body] of changes) {
      await Promise.all([get(), list()])
      const answer = method === 'patch' ? await client.patch(at, body, { 'if-match': '*' }) : await client[method](at)
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
      assert.deepEqual((await get()).body, answer.body)
      assert.deepEqual((await list()).body.data, [answer.body])
    }
  })

  it('a new link is in the lists at once', async () => {
    const { client, link, list } = await setup()
    await list()
    const second = await seedLink(client, { title: link.title })
    assert.deepEqual(
      (await list()).body.data.map(({ id }: { id: string }) => id),
      [second.id, link.id],
    )
  })

  it('a change in one process is read in the other as soon as that one has heard of it', async () => {
    const { client, suite, tenant, get, path } = await setup()
    await using other = await suite.second()
    const there = other.as(tenant)
    await there.get(path)
    for (const title of ['one', 'two', 'three']) {
      await client.patch(path, { title }, { 'if-match': '*' })
      assert.equal((await get()).body.title, title)
      await eventually(async () => (await there.get(path)).body.title === title)
      await there.patch(path, { title: `${title} there` }, { 'if-match': '*' })
      assert.equal((await there.get(path)).body.title, `${title} there`)
      await eventually(async () => (await get()).body.title === `${title} there`)
    }
  })

  it('what is kept expires with the link: its status, and the list of active ones', async () => {
    const { get, list, suite } = await setup({ expiresAt: new Date(place().suite.clock.now() + 60_000).toISOString() })
    assert.equal((await get()).body.status, 'active')
    for (const came of ['miss', 'hit']) {
      const active = await list('&status=active')
      assert.deepEqual([active.body.data.length, active.headers.get('x-cache')], [1, came])
    }
    suite.clock.advance(61_000)
    const kept = await get()
    assert.deepEqual([kept.body.status, kept.headers.get('x-cache')], ['expired', 'hit'])
    assert.deepEqual((await list('&status=active')).body.data, [])
    for (let turn = 0; turn < 2; turn++) {
      const expired = await list('&status=expired')
      assert.deepEqual([expired.body.data.length, expired.headers.get('x-cache')], [1, 'bypass'])
    }
  })

  it('lists that differ in anything are not taken for each other', async () => {
    const { client, link, list } = await setup({ tags: ['x', 'y'] })
    const later = await seedLink(client, { title: link.title, tags: ['x'] })
    const ids = async (query: string) => (await list(query)).body.data.map(({ id }: { id: string }) => id)
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual(await ids(''), [later.id, link.id])
      assert.deepEqual(await ids('&sort=createdAt'), [link.id, later.id])
      assert.deepEqual(await ids('&limit=1'), [later.id])
      assert.deepEqual(await ids('&tag=x'), [later.id, link.id])
      assert.deepEqual(await ids('&tag=y&tag=x'), [link.id])
      assert.deepEqual(await ids('&tag=x&tag=y&tag=x'), [link.id])
      assert.deepEqual(await ids('&status=archived'), [])
      assert.deepEqual(await ids(`&createdTo=${link.createdAt}`), [])
      assert.deepEqual(await ids(`&createdFrom=${link.createdAt}`), [later.id, link.id])
    }
  })

  it('who asks for it is answered past the cache', async () => {
    const { get, list } = await setup()
    for (const ask of [get, (headers = {}) => list('', headers)]) {
      await ask()
      assert.equal((await ask({ 'cache-control': 'no-cache' })).headers.get('x-cache'), 'bypass')
      assert.equal((await ask()).headers.get('x-cache'), 'hit')
    }
  })

  it('what is kept for one tenant is nobody else’s, and needs the permission each time', async () => {
    const { get, list, link, path, suite, tenant } = await setup()
    await Promise.all([get(), list()])
    const stranger = Object.values(suite.tenants).find((other) => other.id !== tenant.id) ?? tenant
    assert.equal((await suite.as(stranger).get(path)).status, 404)
    assert.deepEqual((await suite.as(stranger).get(`/api/v1/links?q=${link.title}`)).body.data, [])
    assert.equal((await suite.as(tenant, 'links:write').get(path)).status, 403)
  })
})
