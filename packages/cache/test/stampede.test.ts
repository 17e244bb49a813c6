import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDueEarly } from '../src/entry-options.ts'
import { acme, asker, minute, Source, settled, setup } from './setup.ts'

describe('many who ask at once', () => {
  it('a thousand misses are one load', async () => {
    const { cache } = setup()
    const source = new Source('v')
    source.hold()
    const asked = Array.from({ length: 1_000 }, () => asker(cache)(source))
    await settled()
    source.release()
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(['v']))
    assert.equal(source.loads, 1)
    assert.equal(cache.outcomes.miss, 1_000)
  })

  it('with a drop in between they are two', async () => {
    const { cache } = setup()
    const source = new Source('v')
    source.hold()
    const ask = () => Array.from({ length: 500 }, () => asker(cache)(source))
    const before = ask()
    cache.drop(acme, minute.tags)
    const after = ask()
    source.release()
    await Promise.all([...before, ...after])
    assert.equal(source.loads, 2)
  })
})

describe('a value that is stale', () => {
  const options = { ...minute, staleMs: 10_000 }

  it('is given out while one load gets the new one', async () => {
    const { cache, clock } = setup()
    const source = new Source('old')
    const ask = () => cache.lookup(acme, 'k', options, source.load)
    await ask()
    await clock.advance(60_000)
    source.value = 'new'
    source.hold()
    const answers = await Promise.all([ask(), ask(), ask()])
    assert.deepEqual(new Set(answers.map(({ value, outcome }) => `${value} ${outcome}`)), new Set(['old stale']))
    assert.equal(source.loads, 2)
    source.release()
    await settled()
    assert.deepEqual(await ask(), { value: 'new', outcome: 'hit', ageMs: 0 })
  })

  it('is not given out after its second time, and who comes then waits for the load that is under way', async () => {
    const { cache, clock } = setup()
    const source = new Source('old')
    const ask = () => cache.wrap(acme, 'k', options, source.load)
    await ask()
    await clock.advance(60_000)
    source.value = 'new'
    source.hold()
    await ask()
    await clock.advance(10_000)
    const asked = ask()
    source.release()
    assert.equal(await asked, 'new')
    assert.equal(source.loads, 2)
  })

  it('is given out while loading fails, and loading is not tried at every call', async () => {
    const { cache, clock, told } = setup()
    await cache.wrap(acme, 'k', options, new Source('old').load)
    await clock.advance(60_000)
    let loads = 0
    const failing = async (): Promise<string> => {
      loads++
      throw new Error('away')
    }
    for (let i = 0; i < 100; i++) {
      assert.equal(await cache.wrap(acme, 'k', options, failing), 'old')
      await clock.advance(50)
    }
    assert.equal(loads, 5)
    assert.equal(told('load_failed').length, 5)
    await clock.advance(5_000)
    await assert.rejects(cache.wrap(acme, 'k', options, failing), /away/)
  })
})

describe('early refresh', () => {
  /** The source takes 100 ms of the clock. */
  async function kept(random: () => number) {
    const bench = setup({}, { random })
    const source = new Source('v')
    source.hold()
    const asked = asker(bench.cache)(source)
    await bench.clock.advance(100)
    source.release()
    await asked
    return { ...bench, source }
  }

  it('happens before the end, with a probability that grows with the time that loading takes', async () => {
    const { cache, clock, source } = await kept(() => 1 - Math.exp(-2))
    await clock.advance(60_000 - 201)
    await asker(cache)(source)
    assert.equal(source.loads, 1)
    await clock.advance(1)
    await asker(cache)(source)
    assert.equal(source.loads, 2)
  })

  it('keeps nobody waiting', async () => {
    const { cache, clock, source } = await kept(() => 0.9999)
    await clock.advance(60_000 - 100)
    source.value = 'new'
    source.hold()
    assert.deepEqual((await cache.lookup(acme, 'key', minute, source.load)).value, 'v')
    source.release()
    await settled()
    assert.equal((await cache.lookup(acme, 'key', minute, source.load)).value, 'new')
    assert.equal(source.loads, 2)
  })

  it('follows the distribution of the paper: the gap to the end is exponential with mean β δ', () => {
    const value = { freshUntil: 10_000, spentMs: 50 }
    let seed = 1
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed / 2_147_483_647
    }
    for (const [left, beta] of [
      [50, 1],
      [100, 1],
      [100, 2],
      [25, 1],
    ] as const) {
      let due = 0
      for (let i = 0; i < 20_000; i++) if (isDueEarly(value, 10_000 - left, beta, random)) due++
      const expected = Math.exp(-left / (50 * beta))
      assert.ok(Math.abs(due / 20_000 - expected) < 0.02, `${due / 20_000} instead of ${expected}`)
    }
  })

  it('never happens when it is switched off', async () => {
    const { cache, clock } = setup({ earlyRefresh: 0 }, { random: () => 1 - Number.EPSILON })
    const source = new Source('v')
    source.hold()
    const asked = asker(cache)(source)
    await clock.advance(1_000)
    source.release()
    await asked
    await clock.advance(59_999)
    await asker(cache)(source)
    assert.equal(source.loads, 1)
  })
})
