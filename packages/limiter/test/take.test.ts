import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryStore, type Limit, takeToken, takeTokens } from '@stoa/limiter'
import fc from 'fast-check'
import { ModelBucket } from './model.ts'

const limit: Limit = { capacity: 3, refillPerSecond: 2 }

function setup() {
  const store = createMemoryStore()
  const take = (nowMs: number, cost = 1, of: Limit = limit) => takeToken(store, 'ada', of, cost, nowMs)
  return { store, take }
}

const limits = fc.record({
  capacity: fc.integer({ min: 1, max: 50 }),
  refillPerSecond: fc.integer({ min: 1, max: 2000 }),
})
/** Steps of a clock that now and then goes back. */
const steps = fc.array(
  fc.record({ stepMs: fc.integer({ min: -500, max: 3000 }), cost: fc.integer({ min: 0, max: 6 }) }),
  {
    maxLength: 60,
  },
)

describe('takeToken', () => {
  it('starts full, and lets a burst of the capacity through', () => {
    const { take } = setup()
    assert.deepEqual(
      [0, 0, 0, 0].map((now) => take(now).allowed),
      [true, true, true, false],
    )
  })

  it('says what is left, when it is full again, and when to come back', () => {
    const { take } = setup()
    assert.deepEqual(take(0), { allowed: true, remaining: 2, limit: 3, resetAfterMs: 500, retryAfterMs: 0 })
    take(0)
    take(0)
    assert.deepEqual(take(100), { allowed: false, remaining: 0, limit: 3, resetAfterMs: 1400, retryAfterMs: 400 })
  })

  it('fills at its rate, and never above the capacity', () => {
    const { take } = setup()
    take(0, 3)
    assert.equal(take(499).allowed, false)
    assert.equal(take(500).allowed, true)
    assert.equal(take(1_000_000, 0).remaining, 3)
  })

  it('does not push the refill away when it is hammered', () => {
    const { take } = setup()
    take(0, 3)
    for (let now = 0; now < 500; now++) assert.equal(take(now).allowed, false, `at ${now}`)
    assert.equal(take(500).allowed, true)
  })

  it('only looks at a cost of 0', () => {
    const { take } = setup()
    take(0, 3)
    assert.deepEqual(take(0, 0), { allowed: true, remaining: 0, limit: 3, resetAfterMs: 1500, retryAfterMs: 0 })
  })

  it('never allows a cost above the capacity, takes nothing for it, and says so', () => {
    const { take } = setup()
    const decision = take(0, 4)
    assert.deepEqual(
      [decision.allowed, decision.retryAfterMs, decision.remaining],
      [false, Number.POSITIVE_INFINITY, 3],
    )
  })

  it('neither gives nor takes when the clock goes back, and does not fill the same second twice', () => {
    const { take } = setup()
    take(10_000, 3)
    assert.deepEqual(take(4000), { allowed: false, remaining: 0, limit: 3, resetAfterMs: 7500, retryAfterMs: 6500 })
    assert.equal(take(10_000).allowed, false)
    assert.equal(take(10_500).allowed, true)
    assert.equal(take(0, 0).remaining, 0)
  })

  it('does not let in what ran over a full bucket before the clock went back', () => {
    const { take } = setup()
    const slow = { capacity: 1, refillPerSecond: 1 }
    take(0, 0, slow)
    take(900, 2, slow)
    take(0, 1, slow)
    assert.equal(take(1800, 1, slow).allowed, false, 'the time up to 900 ms was already used up by the full bucket')
    assert.equal(take(1900, 1, slow).allowed, true)
  })

  it('does not hide what was there before the clock went back', () => {
    const { take } = setup()
    take(0, 3)
    assert.equal(take(1000, 3).remaining, 2)
    assert.equal(take(400, 0).remaining, 2)
  })

  it('applies a changed limit at once: a smaller one cuts, a larger one fills up at its rate', () => {
    const { take } = setup()
    assert.equal(take(0, 0, { capacity: 2, refillPerSecond: 2 }).remaining, 2)
    assert.equal(take(0, 0, { capacity: 10, refillPerSecond: 2 }).remaining, 2)
    assert.equal(take(1000, 0, { capacity: 10, refillPerSecond: 2 }).remaining, 4)
  })

  it('keeps callers apart', () => {
    const { store, take } = setup()
    take(0, 3)
    assert.equal(takeToken(store, 'bob', limit, 1, 0).allowed, true)
  })

  it('writes into the object that it is given', () => {
    const { store } = setup()
    const into = takeToken(store, 'ada', limit, 1, 0)
    assert.equal(takeToken(store, 'ada', limit, 1, 0, into), into)
    assert.equal(into.remaining, 1)
  })

  it('uses the monotonic clock of the process when no time is given', () => {
    const { store } = setup()
    assert.equal(takeToken(store, 'ada', limit).remaining, 2)
  })

  it('refuses limits, costs and times that make no sense', () => {
    const { take } = setup()
    for (const capacity of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2e9]) {
      assert.throws(() => take(0, 1, { capacity, refillPerSecond: 1 }), RangeError, `capacity ${capacity}`)
    }
    for (const refillPerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => take(0, 1, { capacity: 1, refillPerSecond }), RangeError, `refill ${refillPerSecond}`)
    }
    for (const cost of [-1, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => take(0, cost), RangeError)
    for (const now of [Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => take(now), RangeError)
  })

  it('agrees with an exact model at every step, whatever the clock does', () => {
    fc.assert(
      fc.property(limits, steps, (of, taken) => {
        const { take } = setup()
        let now = 1_700_000_000_000
        const model = new ModelBucket(of, now)
        take(now, 0, of)
        for (const { stepMs, cost } of taken) {
          now += stepMs
          const { allowed, remaining } = take(now, cost, of)
          assert.deepEqual({ allowed, remaining }, model.take(cost, now))
        }
      }),
    )
  })

  it('never lets more through than capacity + rate × time, in any stretch of time', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.nat(400), { minLength: 1, maxLength: 80 }), (of, gaps) => {
        const { take } = setup()
        const passed: number[] = []
        let now = 0
        for (const gap of gaps) {
          now += gap
          if (take(now, 1, of).allowed) passed.push(now)
        }
        for (const [first, from] of passed.entries()) {
          for (const [last, to] of passed.entries()) {
            if (last < first) continue
            const most = of.capacity + (of.refillPerSecond * (to - from)) / 1000
            assert.ok(last - first + 1 <= most + 1e-6)
          }
        }
      }),
    )
  })

  it('keeps its word: who waits for retryAfterMs passes, who waits for resetAfterMs finds it full, with any fractional rate', () => {
    const anyLimit = fc.record({
      capacity: fc.integer({ min: 1, max: 1_000_000_000 }),
      refillPerSecond: fc.double({ min: 0.000_001, max: 1_000_000, noNaN: true }),
    })
    fc.assert(
      fc.property(anyLimit, fc.array(fc.nat(5000), { maxLength: 40 }), (of, gaps) => {
        const { take } = setup()
        let now = 1_700_000_000_000
        for (const gap of gaps) {
          now += gap
          const decision = take(now, Math.ceil(of.capacity / 3), of)
          if (decision.allowed) continue
          now += decision.retryAfterMs
          assert.equal(take(now, Math.ceil(of.capacity / 3), of).allowed, true)
        }
        now += take(now, 0, of).resetAfterMs
        assert.equal(take(now, 0, of).remaining, of.capacity)
      }),
    )
  })
})

describe('takeTokens', () => {
  const layers = [
    { key: 'ip', capacity: 5, refillPerSecond: 1 },
    { key: 'user', capacity: 2, refillPerSecond: 1 },
  ]

  it('takes from all layers or from none', () => {
    const { store } = setup()
    assert.equal(takeTokens(store, layers, 0).allowed, true)
    assert.equal(takeTokens(store, layers, 0).allowed, true)
    const refused = takeTokens(store, layers, 0)
    assert.equal(refused.allowed, false)
    assert.equal(refused.strictest, 1)
    assert.deepEqual(
      refused.layers.map(({ allowed, remaining, retryAfterMs }) => ({ allowed, remaining, retryAfterMs })),
      [
        { allowed: true, remaining: 3, retryAfterMs: 0 },
        { allowed: false, remaining: 0, retryAfterMs: 1000 },
      ],
    )
  })

  it('names the layer with the smallest share left when it passes, and the longest wait when it does not', () => {
    const { store } = setup()
    assert.equal(takeTokens(store, layers, 0).strictest, 1)
    takeToken(store, 'ip', layers[0] as Limit, 4, 0)
    takeToken(store, 'user', layers[1] as Limit, 1, 0)
    const costly = [
      { ...layers[0], key: 'ip', cost: 4 } as (typeof layers)[0],
      { ...layers[1], key: 'user', cost: 1 } as (typeof layers)[0],
    ]
    assert.equal(takeTokens(store, costly, 0).strictest, 0)
  })

  it('refuses no layer, too many, and two that share a key', () => {
    const { store } = setup()
    const many = Array.from({ length: 17 }, (_, index) => ({ ...limit, key: String(index) }))
    assert.throws(() => takeTokens(store, [], 0), RangeError)
    assert.throws(() => takeTokens(store, many, 0), RangeError)
    assert.throws(() => takeTokens(store, [...layers, { key: 'ip', ...limit }], 0), RangeError)
    assert.equal(store.size, 0)
  })

  it('makes no bucket at all when one layer makes no sense', () => {
    const { store } = setup()
    assert.throws(() => takeTokens(store, [...layers, { key: 'x', capacity: 0, refillPerSecond: 1 }], 0), RangeError)
    assert.equal(store.size, 0)
  })

  it('agrees with one model per layer', () => {
    fc.assert(
      fc.property(fc.array(limits, { minLength: 1, maxLength: 4 }), steps, (ofs, taken) => {
        const { store } = setup()
        let now = 1_000_000
        const models = ofs.map((of) => new ModelBucket(of, now))
        const named = (cost: number) => ofs.map((of, index) => ({ ...of, key: String(index), cost }))
        takeTokens(store, named(0), now)
        for (const { stepMs, cost } of taken) {
          now += stepMs
          const expected = models.every((model) => model.canPay(cost, now))
          const decision = takeTokens(store, named(cost), now)
          assert.equal(decision.allowed, expected)
          const left = models.map((model) => model.take(expected ? cost : 0, now).remaining)
          assert.deepEqual(
            decision.layers.map((layer) => layer.remaining),
            left,
          )
        }
      }),
    )
  })
})
