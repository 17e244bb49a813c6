import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { seedLinks } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

interface Listed {
  id: string
  title: string
}

describeEverywhere('finding links', (place) => {
  /** Links of this test alone: they share a word in the title, which every query asks for. */
  async function setup(count: number, each: (i: number) => object = () => ({})) {
    const { client, suite } = place()
    const word = newId()
    const links = await seedLinks(client, count, (i) => ({
      target: `https://example.com/${i}`,
      title: `${word} ${i}`,
      ...each(i),
    }))
    const list = async (query = '') => {
      const answer = await client.get(`/api/v1/links?q=${word}${query}`)
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
      return { ...answer.body, titles: answer.body.data.map((link: Listed) => link.title.slice(word.length + 1)) }
    }
    return { client, suite, word, links, list }
  }

  it('shows the newest first, and page by page every link exactly once', async () => {
    const { list } = await setup(7)
    const titles: string[] = []
    let cursor: string | null = null
    let pages = 0
    do {
      const page = await list(`&limit=3${cursor ? `&cursor=${cursor}` : ''}`)
      titles.push(...page.titles)
      cursor = page.nextCursor
      pages++
    } while (cursor !== null)
    assert.deepEqual(titles, ['6', '5', '4', '3', '2', '1', '0'])
    assert.equal(pages, 3)
  })

  it('does not repeat or skip when links are made while pages are read', async () => {
    const { list, client, word } = await setup(4)
    const first = await list('&limit=2')
    await client.post('/api/v1/links', { target: 'https://example.com/late', title: `${word} late` })
    const second = await list(`&limit=2&cursor=${first.nextCursor}`)
    assert.deepEqual([...first.titles, ...second.titles], ['3', '2', '1', '0'])
  })

  it('sorts by creation and by change, both ways', async () => {
    const { list, client, links, suite } = await setup(3)
    suite.clock.advance(1000)
    const id = links[0]?.id
    await client.patch(`/api/v1/links/${id}`, { tags: ['changed'] }, { 'if-match': '*' })
    assert.deepEqual((await list('&sort=createdAt')).titles, ['0', '1', '2'])
    assert.deepEqual((await list('&sort=-createdAt')).titles, ['2', '1', '0'])
    assert.deepEqual((await list('&sort=-updatedAt')).titles, ['0', '2', '1'])
    assert.deepEqual((await list('&sort=updatedAt&limit=2')).titles, ['1', '2'])
  })

  it('filters by tag, and by several tags together', async () => {
    const { list } = await setup(3, (i) => ({ tags: [['a'], ['a', 'b'], ['b', 'A']][i] }))
    assert.deepEqual((await list('&tag=a')).titles, ['1', '0'])
    assert.deepEqual((await list('&tag=a&tag=b')).titles, ['1'])
    assert.deepEqual((await list('&tag=none')).titles, [])
  })

  it('finds a link by the tags that it has now, and no more by those that it had', async () => {
    const { list, client, links } = await setup(1, () => ({ tags: ['kept', 'old'] }))
    await client.patch(`/api/v1/links/${links[0]?.id}`, { tags: ['new', 'kept', 'new'] }, { 'if-match': '*' })
    for (const tag of ['kept', 'new']) assert.deepEqual((await list(`&tag=${tag}`)).titles, ['0'])
    assert.deepEqual((await list('&tag=old')).titles, [])
    await client.patch(`/api/v1/links/${links[0]?.id}`, { tags: [] }, { 'if-match': '*' })
    assert.deepEqual((await list('&tag=kept')).titles, [])
  })

  it('filters by status: archived goes before expired', async () => {
    const { list, client, links, suite } = await setup(4, (i) =>
      i >= 2 ? { expiresAt: new Date(place().suite.clock.now() + 60_000).toISOString() } : {},
    )
    for (const i of [1, 3]) await client.post(`/api/v1/links/${links[i]?.id}/archival`)
    suite.clock.advance(61_000)
    assert.deepEqual((await list('&status=active')).titles, ['0'])
    assert.deepEqual((await list('&status=archived')).titles, ['3', '1'])
    assert.deepEqual((await list('&status=expired')).titles, ['2'])
    assert.equal((await client.get(`/api/v1/links/${links[2]?.id}`)).body.status, 'expired')
    assert.equal((await client.get(`/api/v1/links/${links[3]?.id}`)).body.status, 'archived')
  })

  it('filters by time of creation: from inclusive, to exclusive', async () => {
    const { client, suite, word, list } = await setup(1)
    suite.clock.advance(5_000)
    const { body } = await client.post('/api/v1/links', { target: 'https://example.com/', title: `${word} later` })
    assert.deepEqual((await list(`&createdFrom=${body.createdAt}`)).titles, ['later'])
    assert.deepEqual((await list(`&createdTo=${body.createdAt}`)).titles, ['0'])
  })

  it('finds what has a word for each of the search that begins so, whatever the case and the accents', async () => {
    const { client } = place()
    const word = newId().slice(-12)
    const ids: string[] = []
    for (const body of [
      { target: `https://example.com/summer/${word}?price=low` },
      { target: 'https://example.com/', title: `X ${word.toUpperCase()}` },
      { target: 'https://example.com/', slug: `s-${word}` },
      { target: 'https://example.com/', tags: [word] },
      { target: 'https://example.com/', notes: `Crème brûlée (${word})` },
      { target: `https://${word}.example.com/caf%C3%A9` },
    ]) {
      ids.push((await client.post('/api/v1/links', body)).body.id)
    }
    const found = async (q: string) =>
      (await client.get(`/api/v1/links?q=${encodeURIComponent(q)}`)).body.data.map((link: Listed) => link.id)
    assert.deepEqual((await found(word)).sort(), ids.toSorted())
    assert.deepEqual((await found(word.slice(0, -1).toUpperCase())).sort(), ids.toSorted())
    assert.deepEqual(await found(`${word} CREME brul`), [ids[4]])
    assert.deepEqual(await found(`${word} reme`), [])
    assert.deepEqual(await found(`cafe ${word}`), [ids[5]])
    assert.deepEqual(await found(`https://${word}.EXAMPLE.com/caf%C3%A9`), [ids[5]])
    assert.deepEqual(await found(`https://example.com/summer/${word}?price=low`), [ids[0]])
    for (const none of ['\\', '%', '_', '--', ' ', `${word}x`, `${word} %zz ' or 1=1`])
      assert.deepEqual(await found(none), [])
    await client.patch(`/api/v1/links/${ids[4]}`, { notes: `Tarte (${word})` }, { 'if-match': '*' })
    assert.deepEqual(await found(`${word} creme`), [])
    assert.deepEqual(await found(`tart ${word}`), [ids[4]])
  })

  it('finds a link by its address, however it is written, and none of others by theirs', async () => {
    const { client, links, suite } = await setup(2, () => ({ codeStyle: 'readable' }))
    const [link] = links
    const at = async (shortUrl: string, by = client) => {
      const { body, status } = await by.get(`/api/v1/links?shortUrl=${encodeURIComponent(shortUrl)}`)
      assert.equal(status, 200, JSON.stringify(body))
      return body.data.map(({ id }: { id: string }) => id)
    }
    const { code = '', shortUrl = '' } = link ?? {}
    const spellings = [
      shortUrl,
      ` ${shortUrl}?utm_source=x#y`,
      shortUrl.replace('http://', ''),
      code,
      code.toUpperCase(),
    ]
    for (const spelling of [...spellings, `/l/${code}`]) assert.deepEqual(await at(spelling), [link?.id], spelling)
    const none = ['x', '::', '%', '/', ' ', `${code}x`, `https://example.com/l/${code}`, `${shortUrl}/x`, "' or 1=1"]
    for (const text of none) assert.deepEqual(await at(text), [], text)
    assert.deepEqual(await at(shortUrl, suite.as(suite.tenants.neighbour)), [])
  })

  const refused: [query: string, code: string][] = [
    ['limit=0', 'validation_failed'],
    ['limit=1000000000', 'validation_failed'],
    ['sort=target', 'validation_failed'],
    ['status=deleted', 'validation_failed'],
    ['createdFrom=yesterday', 'validation_failed'],
    ['cursor=abc.def', 'invalid_cursor'],
    ['unknown=1', 'validation_failed'],
    [`q=${'x'.repeat(101)}`, 'validation_failed'],
  ]
  for (const [query, code] of refused) {
    it(`refuses ?${query.slice(0, 30)}: ${code}`, async () => {
      const answer = await place().client.get(`/api/v1/links?${query}`)
      assert.ok(answer.status === 422 || answer.status === 400, String(answer.status))
      assert.equal(answer.body.code, code)
    })
  }

  it('refuses a cursor that was tampered with or belongs to another question', async () => {
    const { list, client } = await setup(3)
    const { nextCursor } = await list('&limit=1')
    const other = await client.get(`/api/v1/links?limit=1&cursor=${nextCursor}`)
    assert.equal(other.body.code, 'invalid_cursor')
  })

  it('answers 404 for an id that is nobody’s, and 422 for text that is no id', async () => {
    const { client } = place()
    assert.equal((await client.get(`/api/v1/links/${newId()}`)).body.code, 'link_not_found')
    assert.equal((await client.get('/api/v1/links/1')).status, 422)
    assert.equal((await client.get("/api/v1/links/'%20or%201=1")).status, 422)
  })

  it('answers 304 to a caller that has this version already', async () => {
    const { links, client } = await setup(1)
    const answer = await client.get(`/api/v1/links/${links[0]?.id}`, { 'if-none-match': '"1"' })
    assert.equal(answer.status, 304)
  })
})
