import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore, type Layer, type LayersDecision, type Limit, type Store } from '@stoa/limiter'
import fc from 'fast-check'
import { everyStore, type StoreSource } from './every-store.ts'
import { ModelStore } from './model.ts'

const limit: Limit = { capacity: 10, refillPerSecond: 1 }

const limits = fc.record({
  capacity: fc.integer({ min: 1, max: 50 }),
  refillPerSecond: fc.integer({ min: 1, max: 2000 }),
})

/**
 * One call: which of four buckets, with what. The clock goes back now and then, and a limit may be another one each
 * time.
 */
const calls = fc.record({
  stepMs: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 3000 }) }, fc.integer({ min: -500, max: 0 })),
  settles: fc.nat(4).map((n) => n === 0),
  layers: fc.uniqueArray(
    fc.record(
      {
        key: fc.constantFrom('a', 'b', 'c', 'd'),
        limit: fc.nat(9),
        cost: fc.integer({ min: 0, max: 12 }),
        upTo: fc.integer({ min: 0, max: 20 }),
        shadow: fc.boolean(),
        refunds: fc.boolean(),
      },
      { requiredKeys: ['key', 'limit', 'refunds'] },
    ),
    { minLength: 1, maxLength: 4, selector: ({ key }) => key },
  ),
})

const runs = fc.record({
  ofs: fc.array(limits, { minLength: 2, maxLength: 2 }),
  steps: fc.array(calls, { maxLength: 40 }),
})

/** What the model knows of an answer. */
function known({ allowed, layers }: LayersDecision): object {
  return {
    allowed,
    layers: layers.map(({ allowed, remaining, extra }) => ({
      allowed,
      remaining,
      ...(extra !== undefined && { extra }),
    })),
  }
}

for (const [name, open] of Object.entries(everyStore)) {
  describe(`the ${name} store`, () => {
    let source: StoreSource
    before(async () => {
      source = await open()
    })
    after(() => source[Symbol.asyncDispose]())

    async function setup(startMs = 1_700_000_000_000) {
      let nowMs = startMs
      const store = await source.store(() => nowMs)
      const at = (ms: number) => {
        nowMs = startMs + ms
      }
      const take = (key: string, cost = 1, of = limit) => store.take([{ key, cost, ...of }])
      return { store, at, take }
    }

    it('agrees with an exact model at every step: layers, leases, shadows, charges, refunds, other limits, a clock that goes back', async () => {
      await fc.assert(
        fc.asyncProperty(runs, async ({ ofs, steps }) => {
          const { store, at } = await setup(1_700_000_000_000)
          const model = new ModelStore()
          let now = 0
          for (const { stepMs, settles, layers } of steps) {
            now += stepMs
            at(now)
            const given: Layer[] = layers.map(({ limit: pick, refunds, cost, ...layer }) => ({
              ...layer,
              ...(ofs[pick === 0 ? 1 : 0] as Limit),
              ...(cost !== undefined && { cost: settles && refunds ? -cost : cost }),
              ...(settles && { upTo: undefined }),
            })) as Layer[]
            const nowMs = 1_700_000_000_000 + now
            const expected = settles ? model.settle(given, nowMs) : model.take(given, nowMs)
            const answer = await (settles ? store.settle(given) : store.take(given))
            assert.deepEqual(known(answer), expected)
          }
        }),
        { numRuns: 150 },
      )
    })

    it('gives the numbers of the memory store, to the millisecond', async () => {
      const fractions = fc.record({
        capacity: fc.integer({ min: 1, max: 1_000_000_000 }),
        refillPerSecond: fc.double({ min: 0.001, max: 1_000_000, noNaN: true }),
      })
      await fc.assert(
        fc.asyncProperty(fractions, fc.array(fc.nat(5000), { maxLength: 20 }), async (of, gaps) => {
          const { store, at } = await setup(1_700_000_000_000)
          let now = 0
          const memory = createMemoryStore({ clock: () => 1_700_000_000_000 + now })
          for (const gap of gaps) {
            now += gap
            at(now)
            const layers = [{ key: 'ada', ...of, cost: of.capacity / 3 }]
            assert.deepEqual(await store.take(layers), memory.take(layers))
          }
        }),
        { numRuns: 60 },
      )
    })

    it('lets exactly 100 of 200 parallel takers at a bucket of 100 tokens', async () => {
      const { store } = await setup()
      const layers = [{ key: 'crowd', capacity: 100, refillPerSecond: 0.001 }]
      const answers = await Promise.all(Array.from({ length: 200 }, () => store.take(layers)))
      assert.equal(answers.filter(({ allowed }) => allowed).length, 100)
    })

    it('lets exactly 100 of 200 parallel takers through on its own time', async () => {
      const store = await source.store()
      const layers = [{ key: 'crowd', capacity: 100, refillPerSecond: 0.000_001 }]
      const answers = await Promise.all(Array.from({ length: 200 }, () => store.take(layers)))
      assert.equal(answers.filter(({ allowed }) => allowed).length, 100)
    })

    it('refuses all layers when one refuses, also when 200 callers come in different orders', async () => {
      const { store } = await setup()
      const layers = ['x', 'y', 'z'].map((key, index) => ({ key, capacity: 50 + 25 * index, refillPerSecond: 0.001 }))
      const orders = [layers, layers.toReversed(), [layers[1], layers[0], layers[2]] as Layer[]]
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) => store.take(orders[index % 3] as Layer[])),
      )
      assert.equal(answers.filter(({ allowed }) => allowed).length, 50)
      const left = await store.take(layers.map((layer) => ({ ...layer, cost: 0 })))
      assert.deepEqual(
        left.layers.map(({ remaining }) => remaining),
        [0, 25, 50],
      )
    })

    it('a charge may leave a debt, which the refill pays first; a refund ends at the capacity', async () => {
      const { store, at, take } = await setup()
      await store.settle([{ key: 'ada', cost: 15, ...limit }])
      const refused = await take('ada', 0)
      assert.deepEqual(
        [refused.allowed, refused.layers[0]?.remaining, refused.layers[0]?.retryAfterMs],
        [false, 0, 5000],
      )
      at(5000)
      assert.equal((await take('ada', 0)).allowed, true)
      at(6000)
      assert.equal((await take('ada')).allowed, true)
      await store.settle([{ key: 'ada', cost: -1000, ...limit }])
      assert.equal((await take('ada', 0)).layers[0]?.remaining, 10)
    })

    it('takes as many whole tokens as there are, up to what a lease asks for', async () => {
      const { store } = await setup()
      const lease = (cost: number, upTo: number) => store.take([{ key: 'ada', cost, upTo, ...limit }])
      assert.equal((await lease(1, 8)).layers[0]?.extra, 7)
      assert.equal((await lease(1, 8)).layers[0]?.extra, 1)
      const refused = await lease(1, 8)
      assert.deepEqual([refused.allowed, refused.layers[0]?.extra], [false, 0])
    })

    it('a limit that is changed while buckets are full applies at once', async () => {
      const { take } = await setup()
      assert.equal((await take('ada', 0)).layers[0]?.remaining, 10)
      assert.equal((await take('ada', 0, { capacity: 4, refillPerSecond: 1 })).layers[0]?.remaining, 4)
      assert.equal((await take('ada', 0, { capacity: 100, refillPerSecond: 1 })).layers[0]?.remaining, 4)
      assert.equal((await take('ada', 5, { capacity: 100, refillPerSecond: 1 })).allowed, false)
    })

    it('a clock that goes back neither hides nor refills', async () => {
      const { at, take } = await setup()
      await take('ada', 10)
      at(4000)
      assert.equal((await take('ada', 0)).layers[0]?.remaining, 4)
      at(1000)
      assert.equal((await take('ada', 4)).allowed, true)
      at(4000)
      assert.equal((await take('ada', 1)).allowed, false)
    })

    it('takes any key: a megabyte, every byte, half a surrogate pair; and keeps them apart', async () => {
      const { take } = await setup()
      const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
      const megabyte = 'k'.repeat(1_000_000)
      const keys = [
        '',
        ' ',
        '{',
        '}',
        '{a}',
        '__proto__',
        '\u{1F600}',
        '\ud83d',
        '\ude00',
        'sha256:x',
        megabyte,
        `${megabyte}!`,
      ]
      for (const key of new Set([...keys, ...bytes, bytes.join('')])) {
        assert.equal((await take(key, 10)).allowed, true, JSON.stringify(key.slice(0, 40)))
        assert.equal((await take(key, 1)).allowed, false, JSON.stringify(key.slice(0, 40)))
      }
    })

    it('refuses costs, limits and layers that make no sense', async () => {
      const { store, take } = await setup()
      const asked = async (run: () => unknown) => await run()
      for (const cost of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await assert.rejects(
          asked(() => take('ada', cost)),
          RangeError,
          `cost ${cost}`,
        )
      }
      for (const cost of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2e9, -2e9]) {
        await assert.rejects(
          asked(() => store.settle([{ key: 'ada', cost, ...limit }])),
          RangeError,
          `charge ${cost}`,
        )
      }
      for (const capacity of [0, -1, 1.5, Number.NaN, 2e9]) {
        await assert.rejects(
          asked(() => take('ada', 1, { capacity, refillPerSecond: 1 })),
          RangeError,
        )
      }
      const layer = { key: 'ada', ...limit }
      for (const layers of [
        [],
        [layer, layer],
        Array.from({ length: 17 }, (_, index) => ({ ...layer, key: `${index}` })),
      ]) {
        await assert.rejects(
          asked(() => store.take(layers)),
          RangeError,
        )
      }
      await assert.rejects(
        asked(() => store.take([{ ...layer, upTo: Number.NaN }])),
        RangeError,
      )
      await assert.rejects(
        asked(() => store.take([{ ...layer, key: 7 as never }])),
        RangeError,
      )
    })

    it('a cost of 0 only looks', async () => {
      const { take } = await setup()
      await take('ada', 10)
      assert.deepEqual((await take('ada', 0)).layers, [
        { allowed: true, remaining: 0, limit: 10, resetAfterMs: 10_000, retryAfterMs: 0 },
      ])
    })

    it('never allows a cost above the capacity, and says so', async () => {
      const { take } = await setup()
      const { allowed, layers } = await take('ada', 11)
      assert.deepEqual([allowed, layers[0]?.retryAfterMs, layers[0]?.remaining], [false, Number.POSITIVE_INFINITY, 10])
    })

    it('keeps its word on its own time: who waits for retryAfterMs passes', async () => {
      const store: Store = await source.store()
      const fast = [{ key: 'ada', capacity: 5, refillPerSecond: 50 }]
      for (let turn = 0; turn < 5; turn++) {
        let refused = await store.take(fast)
        for (let tries = 0; refused.allowed && tries < 10_000; tries++) refused = await store.take(fast)
        assert.equal(refused.allowed, false)
        await new Promise((resolve) => setTimeout(resolve, (refused.layers[0]?.retryAfterMs ?? 0) + 1))
        assert.equal((await store.take(fast)).allowed, true)
      }
    })
  })
}
