import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

describeEverywhere('changing links', (place) => {
  async function setup(over: object = {}) {
    const { client, suite } = place()
    const link = await seedLink(client, { title: 'old', ...over })
    const change = (body: unknown, match: string | null = '"1"') =>
      client.patch(`/api/v1/links/${link.id}`, body, match === null ? {} : { 'if-match': match })
    return { client, suite, link, change }
  }

  it('changes what is named and leaves the rest, under a new version', async () => {
    const { client, link, change, suite } = await setup({ tags: ['a'] })
    suite.clock.advance(1_000)
    const answer = await change({ target: 'https://EXAMPLE.org', title: null })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    assert.equal(answer.headers.get('etag'), '"2"')
    const { updatedAt, ...changed } = answer.body
    assert.ok(updatedAt > link.updatedAt)
    const { updatedAt: _, ...before } = link
    assert.deepEqual(changed, { ...before, target: 'https://example.org/', title: null, version: 2 })
    assert.deepEqual((await client.get(`/api/v1/links/${link.id}`)).body, answer.body)
  })

  it('tells the journal what differs', async () => {
    const { link, change, suite } = await setup()
    await change({ title: 'new', target: 'https://example.com/' })
    const [event] = await suite.events((e) => e.type === 'link.updated' && e.data.id === link.id, 1)
    assert.deepEqual(event?.data.changed, ['title'])
    assert.equal(event?.data.title, 'new')
    assert.equal(event?.data.version, 2)
  })

  it('to what it is already is no change: no version, no event', async () => {
    const { link, change, suite } = await setup({ tags: ['a'], expiresAt: null })
    const same = await change({ title: 'old', tags: ['a'], target: link.target, expiresAt: null })
    assert.deepEqual(same.body, link)
    await change({ title: 'new' })
    const events = await suite.events((e) => e.type === 'link.updated' && e.data.id === link.id, 1)
    assert.equal(events.length, 1)
  })

  it('refuses a version that is no longer the present one, and changes nothing', async () => {
    const { client, link, change } = await setup()
    await change({ title: 'first' })
    const late = await change({ title: 'second' })
    assert.equal(late.status, 412)
    assert.equal(late.body.code, 'precondition_failed')
    assert.equal((await client.get(`/api/v1/links/${link.id}`)).body.title, 'first')
  })

  it('lets exactly one of many with the same version through', async () => {
    const { change } = await setup()
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => change({ title: `try ${i}` })))
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, ...Array(7).fill(412)])
  })

  it('wants to be told the version', async () => {
    const { change } = await setup()
    assert.equal((await change({ title: 'new' }, null)).status, 428)
    assert.equal((await change({ title: 'new' }, 'W/"1"')).status, 412)
    assert.equal((await change({ title: 'new' }, 'nonsense')).status, 400)
    assert.equal((await change({ title: 'new' }, '*')).status, 200)
  })

  it('refuses the same targets and expiries as a new link does', async () => {
    const { change } = await setup()
    assert.equal((await change({ target: 'http://127.1/' })).body.code, 'target_refused')
    assert.equal((await change({ expiresAt: '2020-01-01T00:00:00Z' })).body.code, 'validation_failed')
    assert.equal((await change({ code: 'abc' })).body.code, 'validation_failed')
    assert.equal((await change({})).body.code, 'validation_failed')
  })

  it('answers 404 for a link that is not there', async () => {
    const answer = await place().client.patch(`/api/v1/links/${newId()}`, { title: 'x' }, { 'if-match': '"1"' })
    assert.equal(answer.body.code, 'link_not_found')
  })
})

describeEverywhere('archiving links', (place) => {
  it('takes a link down and puts it back, each with a version and an event', async () => {
    const { client, suite } = place()
    const link = await seedLink(client)
    const down = await client.post(`/api/v1/links/${link.id}/archival`)
    assert.equal(down.status, 200, JSON.stringify(down.body))
    assert.equal(down.body.status, 'archived')
    assert.ok(down.body.archivedAt)
    assert.equal(down.headers.get('etag'), '"2"')
    const up = await client.delete(`/api/v1/links/${link.id}/archival`)
    assert.equal(up.status, 200)
    assert.equal(up.body.status, 'active')
    assert.equal(up.body.archivedAt, null)
    assert.equal(up.body.version, 3)
    const events = await suite.events((e) => e.subjects.includes(`link:${link.id}`), 3)
    assert.deepEqual(
      events.map((event) => event.type),
      ['link.created', 'link.archived', 'link.restored'],
    )
  })

  it('is done when it was done already: nothing changes', async () => {
    const { client } = place()
    const link = await seedLink(client)
    assert.deepEqual((await client.delete(`/api/v1/links/${link.id}/archival`)).body, link)
    const first = await client.post(`/api/v1/links/${link.id}/archival`)
    const second = await client.post(`/api/v1/links/${link.id}/archival`)
    assert.deepEqual(second.body, first.body)
  })

  it('answers 404 for a link that is not there', async () => {
    const { client } = place()
    assert.equal((await client.post(`/api/v1/links/${newId()}/archival`)).body.code, 'link_not_found')
    assert.equal((await client.delete(`/api/v1/links/${newId()}/archival`)).body.code, 'link_not_found')
  })
})
