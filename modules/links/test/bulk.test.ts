import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { seedLink, seedLinks } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

interface Result {
  index: number
  outcome: string
  code?: string
  link?: { id: string; code: string; title: string; version: number }
  fields?: { pointer: string }[]
}

describeEverywhere('many links by one call', (place) => {
  const path = '/api/v1/links/bulk'

  it('are made, each with its result; one that is refused holds up no other', async () => {
    const { client, suite } = place()
    const slug = `s-${randomUUID()}`
    const target = 'https://example.com/'
    const { body, status } = await client.post(path, {
      links: [{ target }, { target: 'http://127.0.0.1/' }, { target, slug }, { target, slug }, { target, slug: '-' }],
    })
    assert.equal(status, 200)
    assert.deepEqual([body.done, body.refused], [2, 3])
    assert.deepEqual(
      body.results.map(({ code, index, outcome }: Result) => [index, outcome, code]),
      [
        [0, 'done', undefined],
        [1, 'refused', 'target_refused'],
        [2, 'done', undefined],
        [3, 'refused', 'slug_taken'],
        [4, 'refused', 'slug_invalid'],
      ],
    )
    assert.equal(body.results[1].fields[0].pointer, '/body/links/1/target')
    assert.equal((await suite.anyone.get(`/l/${slug}`)).status, 302)
    const id = body.results[2].link.id
    const created = await suite.events(({ data, type }) => type === 'link.created' && data.id === id, 1)
    assert.equal(created.length, 1)
  })

  it('have passwords of their own, which are hashed some at a time', async () => {
    const { client, suite } = place()
    const target = 'https://example.com/'
    const words = ['one', 'two', undefined, 'four', 'five', 'six']
    const made = await client.post(path, {
      links: words.map((password) => ({ target, ...(password !== undefined && { password }) })),
    })
    assert.equal(made.body.done, words.length)
    const [first, second, third] = made.body.results.map(({ link }: Result) => link)
    const changed = await client.patch(path, {
      links: [
        { id: third.id, change: { password: 'three' } },
        { id: first.id, change: { password: null } },
      ],
    })
    assert.equal(changed.body.done, 2)
    const says = async ({ code }: { code: string }, password: string) => {
      const { status } = await fetch(`${suite.url}/l/${code}`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ password }),
      })
      return status
    }
    assert.equal((await suite.anyone.get(`/l/${first.code}`)).status, 302)
    assert.deepEqual(
      [await says(second, 'two'), await says(second, 'one'), await says(third, 'three')],
      [303, 403, 303],
    )
  })

  it('are a thousand at most, made once for an idempotency key', async () => {
    const { client } = place()
    const tag = randomUUID()
    const links = Array.from({ length: 1_000 }, (_, n) => ({ target: `https://example.com/${n}`, tags: [tag] }))
    const headers = { 'idempotency-key': randomUUID() }
    const first = await client.post(path, { links }, headers)
    assert.equal(first.body.done, 1_000)
    const codes = new Set(first.body.results.map(({ link }: Result) => link?.code))
    assert.equal(codes.size, 1_000)
    const again = await client.post(path, { links }, headers)
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    assert.deepEqual(again.body, first.body)
    assert.equal((await client.post(path, { links: [...links, links[0]] })).status, 422)
    assert.equal((await client.post(path, { links: [] })).status, 422)
  })

  it('are changed, each with a change of its own, if they are what the caller saw', async () => {
    const { client } = place()
    const links = await seedLinks(client, 3)
    const [first, second, third] = links.map(({ id }) => id)
    const { body, status } = await client.patch(path, {
      links: [
        { id: third, change: { title: 'third' } },
        { id: first, version: 1, change: { title: 'first', tags: ['x'] } },
        { id: second, version: 7, change: { title: 'second' } },
        { id: newId(), change: { title: 'nobody’s' } },
        { id: second, change: { target: 'javascript:alert(1)' } },
      ],
    })
    assert.equal(status, 200)
    assert.deepEqual(
      body.results.map(({ code, link, outcome }: Result) => [outcome, code ?? link?.title]),
      [
        ['done', 'third'],
        ['done', 'first'],
        ['refused', 'precondition_failed'],
        ['refused', 'link_not_found'],
        ['refused', 'target_refused'],
      ],
    )
    assert.deepEqual((await client.get(`/api/v1/links/${first}`)).body.tags, ['x'])
    assert.equal((await client.get(`/api/v1/links/${second}`)).body.version, 1)
  })

  it('of others cannot be changed', async () => {
    const { suite, tenant, client } = place()
    const link = await seedLink(client)
    for (const other of Object.values(suite.tenants).filter(({ id }) => id !== tenant.id)) {
      const { body } = await suite.as(other).patch(path, { links: [{ id: link.id, change: { title: 'mine' } }] })
      assert.equal(body.results[0].code, 'link_not_found')
    }
    assert.equal(
      (await suite.as(tenant, 'links:read').post(path, { links: [{ target: 'https://a.example/' }] })).status,
      403,
    )
    assert.equal((await client.get(`/api/v1/links/${link.id}`)).body.title, null)
  })
})
