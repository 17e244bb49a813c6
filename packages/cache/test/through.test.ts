import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connected, install } from './redis-setup.ts'
import { acme, globex, minute, Source, settled, setup } from './setup.ts'

describe('writing through', () => {
  it('what a write gives back is given to whoever asks next, and what carried its tags is gone', async () => {
    const { cache } = setup()
    const [thing, list] = [new Source('old'), new Source('list of old')]
    await cache.wrap(acme, 'thing', minute, thing.load)
    await cache.wrap(acme, 'list', minute, list.load)
    assert.equal(await cache.through(acme, 'thing', minute, async () => 'new'), 'new')
    assert.equal(await cache.wrap(acme, 'thing', minute, thing.load), 'new')
    await cache.wrap(acme, 'list', minute, list.load)
    assert.deepEqual([thing.loads, list.loads], [1, 2])
  })

  it('a load that began before the write ended can neither store nor be waited for', async () => {
    const { cache } = setup()
    const source = new Source('old')
    source.hold()
    const slow = cache.wrap(acme, 'k', minute, source.load)
    await cache.through(acme, 'k', minute, async () => 'new')
    source.release()
    assert.equal(await slow, 'old')
    assert.equal(await cache.wrap(acme, 'k', minute, source.load), 'new')
  })

  for (const [known, tags] of [
    ['known before', ['thing:1']],
    ['known from the value', () => ['thing:1']],
  ] as const) {
    const options = { tags, ttlMs: 60_000 }

    it(`two writes at once: neither value is kept, because nobody knows which came last (tags ${known})`, async () => {
      const { cache } = setup()
      const both = Promise.withResolvers<void>()
      const write = (value: string) => async () => {
        await both.promise
        await cache.drop(acme, ['thing:1'])
        return value
      }
      const writes = [cache.through(acme, 'k', options, write('1')), cache.through(acme, 'k', options, write('2'))]
      both.resolve()
      await Promise.all(writes)
      assert.equal(await cache.wrap(acme, 'k', options, new Source('loaded').load), 'loaded')
    })

    it(`the drop of its own commit does not keep it from being kept (tags ${known})`, async () => {
      const { cache } = setup()
      await cache.through(acme, 'k', options, async () => {
        await cache.drop(acme, ['thing:1', 'thing'])
        return 'new'
      })
      assert.equal(await cache.wrap(acme, 'k', options, new Source('loaded').load), 'new')
    })
  }

  it('a drop of something else, or of another tenant, does not matter', async () => {
    const { cache } = setup()
    const done = Promise.withResolvers<void>()
    const written = cache.through(acme, 'k', minute, async () => {
      await done.promise
      return 'new'
    })
    await cache.drop(acme, ['thing:2'])
    await cache.drop(globex, ['thing:1'])
    done.resolve()
    await written
    assert.equal(await cache.wrap(acme, 'k', minute, new Source('loaded').load), 'new')
  })

  it('a write that fails drops, because it may have been committed', async () => {
    const { cache } = setup()
    const source = new Source('old')
    await cache.wrap(acme, 'k', minute, source.load)
    const failing = async (): Promise<string> => {
      source.value = 'new'
      throw new Error('the connection was lost at the commit')
    }
    await assert.rejects(cache.through(acme, 'k', minute, failing), /lost at the commit/)
    assert.equal(await cache.wrap(acme, 'k', minute, source.load), 'new')
  })

  it('what cannot be stored is given back, and nothing is kept', async () => {
    const { cache } = setup({ maxValueBytes: 2_000 })
    const value = 'x'.repeat(2_000)
    await cache.wrap(acme, 'k', minute, new Source('old').load)
    assert.equal(await cache.through(acme, 'k', minute, async () => value), value)
    assert.equal(await cache.wrap(acme, 'k', minute, new Source('loaded').load), 'loaded')
  })

  it('by Redis it reaches every process', async () => {
    await using installation = await install()
    const [a, b] = [installation.start(), installation.start()]
    await connected(a, b)
    const source = new Source('old')
    await a.cache.wrap(acme, 'k', minute, source.load)
    await a.cache.settled()
    const write = async () => {
      await a.cache.drop(acme, ['thing'])
      return 'new'
    }
    await a.cache.through(acme, 'k', minute, write)
    await a.cache.settled()
    assert.equal(await b.cache.wrap(acme, 'k', minute, source.load), 'new')
    assert.equal(source.loads, 1)
  })

  it('a write of another process in between keeps the value out of Redis, whatever the order of the two drops', async () => {
    for (const theirsFirst of [true, false]) {
      await using installation = await install()
      const [a, b, c] = [installation.start(), installation.start(), installation.start()]
      await connected(a, b, c)
      await a.cache.through(acme, 'k', minute, async () => {
        if (theirsFirst) await b.cache.drop(acme, ['thing:1'])
        await a.cache.drop(acme, ['thing:1'])
        if (!theirsFirst) await b.cache.drop(acme, ['thing:1'])
        return 'ours'
      })
      await a.cache.settled()
      assert.equal(await c.cache.wrap(acme, 'k', minute, new Source('loaded').load), 'loaded')
    }
  })

  it('a tag of the value that the commit did not name is watched over too', async () => {
    await using installation = await install()
    const [a, b, c] = [installation.start(), installation.start(), installation.start()]
    await connected(a, b, c)
    const options = { tags: ['thing:1', 'price:1'], ttlMs: 60_000 }
    await a.cache.through(acme, 'k', options, async () => {
      await b.cache.drop(acme, ['price:1'])
      await a.cache.drop(acme, ['thing:1'])
      return 'ours'
    })
    await a.cache.settled()
    assert.equal(await c.cache.wrap(acme, 'k', options, new Source('loaded').load), 'loaded')
  })

  it('with Redis away it is kept in memory', async () => {
    await using installation = await install()
    const a = installation.start({ redis: { restMs: 600_000 } })
    await connected(a)
    a.wire.before = () => {
      throw new Error('away')
    }
    await a.cache.through(acme, 'k', minute, async () => 'new')
    await settled()
    assert.equal(await a.cache.wrap(acme, 'k', minute, new Source('loaded').load), 'new')
  })
})
