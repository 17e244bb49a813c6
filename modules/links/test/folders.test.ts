import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

describeEverywhere('folders of links, and notes', (place) => {
  async function setup() {
    const { client, suite, tenant } = place()
    const name = `Spring ${newId()}`
    const { body: folder } = await client.post('/api/v1/link-folders', { name: ` ${name} ` })
    const stranger = suite.as(suite.tenants.neighbour)
    const ids = async (query: string) =>
      (await client.get(`/api/v1/links?limit=100&${query}`)).body.data.map(({ id }: { id: string }) => id)
    return { client, folder, ids, name, stranger, suite, tenant, path: `/api/v1/link-folders/${folder.id}` }
  }

  it('a folder is made, read, renamed and removed; its name is nobody else’s in any case', async () => {
    const { client, folder, name, path, stranger } = await setup()
    assert.equal(folder.name, name)
    const shown = await client.get(path)
    assert.deepEqual(shown.body, folder)
    const twin = await client.post('/api/v1/link-folders', { name: name.toUpperCase() })
    assert.deepEqual([twin.status, twin.body.code], [409, 'link_folder_taken'])
    assert.equal((await stranger.post('/api/v1/link-folders', { name })).status, 201)
    const other = await client.post('/api/v1/link-folders', { name: `${name} b` })
    const tag = { 'if-match': shown.headers.get('etag') ?? '' }
    assert.equal((await client.patch(path, { name: `${name} B` }, tag)).status, 409)
    const renamed = await client.patch(path, { name: name.toUpperCase() }, tag)
    assert.deepEqual([renamed.status, renamed.body.name, renamed.body.version], [200, name.toUpperCase(), 2])
    assert.equal((await client.patch(path, { name: 'x' }, tag)).status, 412)
    for (const refused of ['', ' ', 'x'.repeat(101)])
      assert.equal((await client.post('/api/v1/link-folders', { name: refused })).status, 422)
    const names: string[] = []
    let cursor = ''
    do {
      const { body } = await client.get(`/api/v1/link-folders?limit=1${cursor}`)
      names.push(...body.data.map((one: { name: string }) => one.name))
      cursor = body.nextCursor === null ? '' : `&cursor=${encodeURIComponent(body.nextCursor)}`
    } while (cursor !== '')
    const own = names.filter((one) => one.toUpperCase().startsWith(name.toUpperCase()))
    assert.deepEqual(own, [name.toUpperCase(), `${name} b`])
    for (const answer of [await stranger.get(path), await stranger.delete(path)])
      assert.deepEqual([answer.status, answer.body.code], [404, 'link_folder_not_found'])
    assert.equal((await client.delete(`/api/v1/link-folders/${other.body.id}`)).status, 204)
  })

  it('folders are read through the cache, and every change of one is read at once', async () => {
    const { client, folder, path } = await setup()
    const list = '/api/v1/link-folders?limit=100'
    const read = async (headers = {}) => {
      const [one, all] = [await client.get(path, headers), await client.get(list, headers)]
      const name = all.body.data?.find(({ id }: { id: string }) => id === folder.id)?.name
      return {
        came: [one, all].map((answer) => answer.headers.get('x-cache')),
        status: one.status,
        body: one.body,
        name,
      }
    }
    await read()
    assert.deepEqual((await read()).came, ['hit', 'hit'])
    assert.deepEqual((await read({ 'cache-control': 'no-cache' })).came, ['bypass', 'bypass'])
    const { body: renamed } = await client.patch(path, { name: `Summer ${newId()}` }, { 'if-match': '*' })
    const after = await read()
    assert.deepEqual([after.came, after.body, after.name], [['miss', 'miss'], renamed, renamed.name])
    await client.delete(path)
    const gone = await read()
    assert.deepEqual([gone.status, gone.name], [404, undefined])
  })

  it('links are in one folder or in none, and are listed by it; one with links stays', async () => {
    const { client, folder, ids, path } = await setup()
    const tag = newId()
    const inside = await seedLink(client, { folderId: folder.id, notes: 'On the leaflet.', tags: [tag] })
    const outside = await seedLink(client, { tags: [tag] })
    assert.deepEqual(
      [inside.folderId, inside.notes, outside.folderId, outside.notes],
      [folder.id, 'On the leaflet.', null, null],
    )
    assert.deepEqual(await ids(`folderId=${folder.id}`), [inside.id])
    assert.deepEqual(await ids(`folderId=none&tag=${tag}`), [outside.id])
    assert.deepEqual(await ids(`domainId=none&tag=${tag}`), [outside.id, inside.id])
    assert.deepEqual(await ids(`domainId=${newId()}&tag=${tag}`), [])
    const csv = (await client.get(`/api/v1/links/export?folderId=${folder.id}`)).body as string
    assert.ok(csv.includes(`,On the leaflet.,${folder.id},`), csv)
    assert.equal(csv.trim().split('\n').length, 2)
    const refused = await client.delete(path)
    assert.deepEqual([refused.status, refused.body.code], [409, 'link_folder_in_use'])
    const links = [{ id: inside.id, change: { folderId: null, notes: null } }]
    const moved = await client.patch('/api/v1/links/bulk', { links })
    assert.deepEqual(
      [moved.body.done, moved.body.results[0].link.folderId, moved.body.results[0].link.notes],
      [1, null, null],
    )
    assert.deepEqual(await ids(`folderId=${folder.id}`), [])
    assert.equal((await client.delete(path)).status, 204)
    assert.equal((await client.get('/api/v1/links?folderId=all')).status, 422)
  })

  it('a folder that is not there, or another tenant’s, takes no link', async () => {
    const { client, folder, stranger } = await setup()
    const target = 'https://example.com/'
    const own = await seedLink(client)
    const theirs = await seedLink(stranger)
    for (const answer of [
      await client.post('/api/v1/links', { target, folderId: newId() }),
      await stranger.post('/api/v1/links', { target, folderId: folder.id }),
      await client.patch(`/api/v1/links/${own.id}`, { folderId: newId() }, { 'if-match': '*' }),
      await stranger.patch(`/api/v1/links/${theirs.id}`, { folderId: folder.id }, { 'if-match': '*' }),
    ]) {
      assert.deepEqual([answer.status, answer.body.code], [422, 'validation_failed'])
      assert.equal(answer.body.errors[0].pointer, '/body/folderId')
    }
  })

  it('links of before there were words are found as soon as a process has given them theirs', async () => {
    const { client, ids, suite, tenant } = await setup()
    const title = newId()
    const link = await seedLink(client, { title })
    await suite.db.admin(async (session) => {
      await session.exec(`begin; set local role stoa_system`)
      await session.query(`delete from ${tenant.schema}.link_words where link_id = $1`, [link.id])
      await session.query(`update ${tenant.schema}.links set worded = false where id = $1`, [link.id])
      await session.exec('commit')
    })
    assert.deepEqual(await ids(`q=${title}`), [])
    await using _later = await suite.second()
    await eventually(
      async () =>
        (await client.get(`/api/v1/links?q=${title}`, { 'cache-control': 'no-cache' })).body.data.length === 1,
    )
  })
})
