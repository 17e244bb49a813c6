import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { acme, asker, globex, minute, Source, settled, setup } from './setup.ts'

describe('drops', () => {
  it('any tag of a value drops it, in its tenant alone', async () => {
    const { cache } = setup()
    const options = { tags: ['link:1', 'link:2'], ttlMs: 60_000 }
    const [ours, theirs] = [new Source(1), new Source(1)]
    const ask = () =>
      Promise.all([cache.wrap(acme, 'k', options, ours.load), cache.wrap(globex, 'k', options, theirs.load)])
    await ask()
    cache.drop(acme, ['link:2'])
    await ask()
    assert.deepEqual([ours.loads, theirs.loads], [2, 1])
    cache.drop(acme, ['link:1', 'link:3'])
    cache.drop(acme, ['link'])
    await ask()
    assert.deepEqual([ours.loads, theirs.loads], [3, 1])
  })

  it('clearing a tenant drops everything of it and nothing of another', async () => {
    const { cache } = setup()
    const [ours, theirs] = [new Source(1), new Source(1)]
    for (const [scope, source] of [
      [acme, ours],
      [globex, theirs],
    ] as const) {
      for (const tags of [[], ['a'], ['b']]) await cache.wrap(scope, tags.join(), { tags, ttlMs: 1_000 }, source.load)
    }
    cache.clear(acme)
    for (const tags of [[], ['a'], ['b']]) {
      await cache.wrap(acme, tags.join(), { tags, ttlMs: 1_000 }, ours.load)
      await cache.wrap(globex, tags.join(), { tags, ttlMs: 1_000 }, theirs.load)
    }
    assert.deepEqual([ours.loads, theirs.loads], [6, 3])
  })

  for (const [known, tags] of [
    ['known before', ['thing:1']],
    ['known from the value', () => ['thing:1']],
  ] as const) {
    it(`a load that began before a drop cannot store (tags ${known})`, async () => {
      const { cache, told } = setup()
      const source = new Source('old')
      source.hold()
      const before = cache.wrap(acme, 'k', { tags, ttlMs: 60_000 }, source.load)
      source.value = 'new'
      cache.drop(acme, ['thing:1'])
      source.release()
      assert.equal(await before, 'old')
      assert.equal(told('refused').length, 1)
      assert.equal(await cache.wrap(acme, 'k', { tags, ttlMs: 60_000 }, source.load), 'new')
    })

    it(`one who asks after a drop is not given what was read before it, and the old load does not undo the new one (tags ${known})`, async () => {
      const { cache } = setup()
      const options = { tags, ttlMs: 60_000 }
      const [old, fresh] = [new Source('old'), new Source('new')]
      old.hold()
      const before = cache.wrap(acme, 'k', options, old.load)
      cache.drop(acme, ['thing:1'])
      assert.equal(await cache.wrap(acme, 'k', options, fresh.load), 'new')
      old.release()
      assert.equal(await before, 'old')
      assert.equal(await cache.wrap(acme, 'k', options, fresh.load), 'new')
      assert.equal(fresh.loads, 1)
    })
  }

  it('a drop of something else lets a load store', async () => {
    const { cache } = setup()
    const source = new Source(1)
    source.hold()
    const asked = asker(cache)(source)
    cache.drop(acme, ['thing:2'])
    cache.drop(globex, ['thing:1'])
    cache.clear(globex)
    source.release()
    await asked
    await asker(cache)(source)
    assert.equal(source.loads, 1)
  })

  it('clearing the tenant keeps a load that is under way from storing', async () => {
    const { cache } = setup()
    const source = new Source(1)
    source.hold()
    const asked = asker(cache)(source)
    cache.clear(acme)
    source.release()
    await asked
    await asker(cache)(source)
    assert.equal(source.loads, 2)
  })

  it('a refresh in the background that began before a drop cannot store either', async () => {
    const { cache, clock } = setup()
    const options = { ...minute, staleMs: 60_000 }
    const source = new Source('old')
    await cache.wrap(acme, 'k', options, source.load)
    await clock.advance(60_000)
    source.hold()
    await cache.wrap(acme, 'k', options, source.load)
    source.value = 'new'
    cache.drop(acme, ['thing:1'])
    source.release()
    await settled()
    assert.equal(await cache.wrap(acme, 'k', options, source.load), 'new')
  })

  it('what was dropped is not given out as stale', async () => {
    const { cache, clock } = setup()
    const options = { ...minute, staleMs: 60_000 }
    const source = new Source('old')
    await cache.wrap(acme, 'k', options, source.load)
    await clock.advance(60_000)
    source.value = 'new'
    cache.drop(acme, ['thing:1'])
    assert.equal((await cache.lookup(acme, 'k', options, source.load)).value, 'new')
  })

  it('a load that outlives more drops than are remembered does not store: perhaps its tag was among them', async () => {
    const { cache } = setup()
    const source = new Source('old')
    source.hold()
    const asked = asker(cache)(source)
    for (let i = 0; i < 25_000; i++) cache.drop(acme, [`other:${i}`])
    source.release()
    await asked
    await asker(cache)(source)
    assert.equal(source.loads, 2)
  })
})
