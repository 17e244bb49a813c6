import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryStore, type Limit, takeToken, takeTokens } from '@stoa/limiter'

const limit: Limit = { capacity: 10, refillPerSecond: 1 }

function setup(maxBuckets: number) {
  const store = createMemoryStore({ maxBuckets })
  const take = (key: string, nowMs: number, cost = 1) => takeToken(store, key, limit, cost, nowMs)
  return { store, take }
}

describe('createMemoryStore', () => {
  it('holds 100,000 buckets by default', () => {
    const store = createMemoryStore()
    for (let caller = 0; caller < 100_100; caller++) takeToken(store, String(caller), limit, 1, 0)
    assert.equal(store.size, 100_000)
  })

  it('refuses sizes out of range and options that do not exist', () => {
    for (const maxBuckets of [0, 15, 16.5, -1, 10_000_001, Number.NaN, '20' as never]) {
      assert.throws(() => createMemoryStore({ maxBuckets }), RangeError, String(maxBuckets))
    }
    assert.throws(
      () => createMemoryStore({ maxBucket: 20 } as never),
      /unknown option 'maxBucket'; there is 'maxBuckets'/,
    )
  })
})

describe('MemoryStore', () => {
  it('never holds more than its size', () => {
    const { store, take } = setup(16)
    for (let now = 0; now < 1000; now++) {
      take(`caller ${now}`, now, (now % 10) + 1)
      assert.ok(store.size <= 16)
    }
  })

  it('takes a million distinct keys, also long ones, and keeps no more than its size', () => {
    const store = createMemoryStore({ maxBuckets: 10_000 })
    const tail = 'x'.repeat(300)
    for (let caller = 0; caller < 1_000_000; caller++) {
      takeToken(store, caller % 100 === 0 ? `${caller}${tail}` : String(caller), limit, 1, caller / 10)
    }
    assert.equal(store.size, 10_000)
  })

  it('drops idle callers before it forgets a busy one: a flood of new keys does not free who is refused', () => {
    const { take } = setup(16)
    take('greedy', 0, 10)
    for (let now = 1; now < 9000; now++) {
      take(`flood ${now}`, now, 1)
      assert.equal(take('greedy', now, 10).allowed, false, `at ${now} ms`)
    }
  })

  it('keeps all layers of one take when it is full', () => {
    const { store, take } = setup(16)
    for (let caller = 0; caller < 16; caller++) take(`old ${caller}`, 0)
    const layers = Array.from({ length: 16 }, (_, index) => ({ ...limit, key: `layer ${index}`, cost: 10 }))
    assert.equal(takeTokens(store, layers, 1).allowed, true)
    for (const { key } of layers) assert.equal(take(key, 1).allowed, false, key)
    assert.equal(store.size, 16)
  })

  it('sweeps full buckets, which changes nothing for anybody', () => {
    const { store, take } = setup(100)
    take('idle', 0, 1)
    take('busy', 0, 10)
    assert.equal(store.sweep(999), 0)
    assert.equal(store.sweep(1000), 1)
    assert.equal(store.size, 1)
    assert.equal(take('busy', 1000, 2).allowed, false)
    assert.equal(take('idle', 1000, 10).allowed, true)
  })

  it('forgets a caller on request', () => {
    const { store, take } = setup(100)
    take('ada', 0, 10)
    store.forget('ada')
    assert.equal(take('ada', 0, 10).allowed, true)
  })

  it('treats __proto__ as a key like any other', () => {
    const { take } = setup(100)
    assert.equal(take('__proto__', 0, 10).allowed, true)
    assert.equal(take('__proto__', 0, 10).allowed, false)
    assert.equal(take('constructor', 0, 10).allowed, true)
  })
})
