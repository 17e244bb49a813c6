import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { createLimiter, createRedisStore } from '@stoa/limiter'
import { eventually, testRedisUrl } from '@stoa/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { RemoteStore } from './remote-store.ts'

function setup(
  nodes: number,
  settings: { capacity: number; refillPerSecond: number; leaseTokens: number; leaseMs?: number },
) {
  let nowMs = 0
  const clock = () => nowMs
  const store = new RemoteStore(clock)
  const limiters = Array.from({ length: nodes }, () => createLimiter({ store, clock, timeoutMs: 60_000 }))
  const policies = limiters.map((limiter) => limiter.policy('api', settings))
  const at = (ms: number) => {
    nowMs = ms
  }
  return { store, limiters, policies, at }
}

describe('a lease', () => {
  it('lets a node spend its tokens without a call, and says what is left', async () => {
    const { at, store, policies } = setup(1, { capacity: 100, refillPerSecond: 0.001, leaseTokens: 10 })
    const [api] = policies
    const first = await api?.take('ada')
    at(100)
    assert.deepEqual([first?.strictest.source, first?.strictest.decision?.remaining], ['store', 99])
    for (let turn = 0; turn < 10; turn++) {
      const answer = api?.take('ada')
      assert.ok(answer && !(answer instanceof Promise))
      assert.deepEqual([answer.strictest.source, answer.strictest.decision?.remaining], ['lease', 98 - turn])
    }
    assert.equal(store.asked.length, 1)
    assert.equal((await api?.take('ada'))?.strictest.source, 'store')
  })

  it('pays for who only asks whether a token is there as for who wants an answer, and both count', async () => {
    const { at, store, policies } = setup(1, { capacity: 16, refillPerSecond: 0.001, leaseTokens: 10 })
    const api = policies[0] as NonNullable<(typeof policies)[0]>
    assert.equal(await api.passes('ada'), true)
    at(1_000)
    for (let turn = 0; turn < 5; turn++) assert.equal(api.passes('ada'), true)
    for (let turn = 0; turn < 5; turn++) assert.ok(!(api.take('ada') instanceof Promise))
    assert.equal(store.asked.length, 1)
    const rest: boolean[] = []
    for (let turn = 0; turn < 7; turn++) rest.push(await api.passes('ada'))
    assert.deepEqual(rest, [true, true, true, true, true, false, false])
    assert.deepEqual([api.counts.allowed, api.counts.refused], [16, 2])
  })

  it('lets all nodes together never pass more than capacity + rate × time + nodes × k, in any stretch of time', async () => {
    const runs = fc.record({
      nodes: fc.integer({ min: 1, max: 4 }),
      k: fc.integer({ min: 1, max: 10 }),
      capacity: fc.integer({ min: 10, max: 30 }),
      refillPerSecond: fc.integer({ min: 1, max: 20 }),
      takes: fc.array(
        fc.record({
          node: fc.nat(3),
          gapMs: fc.oneof(fc.constant(0), fc.nat(2000)),
          cost: fc.integer({ min: 1, max: 5 }),
        }),
        { maxLength: 80 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(runs, async ({ nodes, k, capacity, refillPerSecond, takes }) => {
        const { policies, limiters, at } = setup(nodes, { capacity, refillPerSecond, leaseTokens: k })
        const passed: { ms: number; cost: number }[] = []
        let ms = 0
        for (const { node, gapMs, cost } of takes) {
          ms += gapMs
          at(ms)
          const answer = await policies[node % nodes]?.take('ada', { cost })
          if (answer?.allowed) passed.push({ ms, cost })
        }
        for (const limiter of limiters) await limiter[Symbol.asyncDispose]()
        for (const [first, from] of passed.entries()) {
          let sum = 0
          for (const { ms: to, cost } of passed.slice(first)) {
            sum += cost
            const most = capacity + (refillPerSecond * (to - from.ms)) / 1000 + nodes * k
            assert.ok(sum <= most + 1e-6, `${sum} tokens in ${to - from.ms} ms, at most ${most}`)
          }
        }
      }),
    )
  })

  it('is as good as its tokens: 400 parallel takers on 4 nodes of a bucket of 100 are at most 100, on Redis', async () => {
    const redis = new Redis(testRedisUrl())
    const store = createRedisStore(redis, { prefix: `test:${randomUUID()}` })
    const policies = Array.from({ length: 4 }, () =>
      createLimiter({ store, timeoutMs: 60_000 }).policy('api', {
        capacity: 100,
        refillPerSecond: 0.001,
        leaseTokens: 5,
        leaseMs: 3_600_000,
      }),
    )
    const answers = await Promise.all(Array.from({ length: 400 }, (_, index) => policies[index % 4]?.take('crowd')))
    const passed = answers.filter((answer) => answer?.allowed).length
    assert.ok(passed <= 100 && passed >= 100 - 3 * 5, String(passed))
    redis.disconnect()
  })

  it('that goes fast is filled up before it ends: who keeps taking never waits', async () => {
    const { store, policies } = setup(1, { capacity: 1_000, refillPerSecond: 1, leaseTokens: 10 })
    await policies[0]?.take('ada')
    for (let turn = 0; turn < 200; turn++) {
      const answer = policies[0]?.take('ada')
      assert.ok(answer && !(answer instanceof Promise), `take ${turn} had to wait`)
      if (turn % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(store.asked.length >= 20 && store.asked.length <= 50, `${store.asked.length} calls`)
    assert.ok(store.asked.every(([layer]) => (layer?.upTo ?? 0) <= 11))
  })

  it('asks the store once to be filled up when the store has nothing, and is spent to its end', async () => {
    const { store, policies } = setup(1, { capacity: 10, refillPerSecond: 0.001, leaseTokens: 9 })
    for (let turn = 0; turn < 10; turn++) {
      assert.equal((await policies[0]?.take('ada'))?.allowed, true)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(store.asked.length, 2)
    assert.equal((await policies[0]?.take('ada'))?.allowed, false)
  })

  it('is taken by one call at a time, which asks for all who wait', async () => {
    const { store, policies } = setup(1, { capacity: 100, refillPerSecond: 1, leaseTokens: 10 })
    const answers = await Promise.all(Array.from({ length: 200 }, () => policies[0]?.take('crowd')))
    assert.equal(answers.filter((answer) => answer?.allowed).length, 100)
    assert.ok(store.asked.length <= 4, `${store.asked.length} calls`)
  })

  it('holds k tokens at most when nobody waits, whatever the crowd was', async () => {
    const { limiters, policies, store } = setup(1, { capacity: 1000, refillPerSecond: 1, leaseTokens: 10 })
    await Promise.all(Array.from({ length: 150 }, () => policies[0]?.take('crowd')))
    await limiters[0]?.giveBack()
    const given = store.settled.flat().reduce((sum, { cost = 0 }) => sum - cost, 0)
    assert.ok(given <= 10, String(given))
    assert.equal((await policies[0]?.take('crowd', { cost: 0 }))?.strictest.decision?.remaining, 850)
  })

  it('is given back when it is not spent in time, so that other nodes find its tokens', async () => {
    const { policies, store, limiters, at } = setup(2, {
      capacity: 20,
      refillPerSecond: 0.001,
      leaseTokens: 20,
      leaseMs: 10,
    })
    await policies[0]?.take('ada')
    assert.equal((await policies[1]?.take('bob'))?.allowed, true)
    at(10)
    await eventually(() => store.settled.length >= 2)
    assert.equal(limiters[0]?.sizes.leases, 0)
    assert.equal((await policies[1]?.take('ada', { cost: 19 }))?.allowed, true)
  })

  it('is given back when the limiter is disposed of', async () => {
    const { policies, limiters, store } = setup(1, { capacity: 20, refillPerSecond: 0.001, leaseTokens: 10 })
    await policies[0]?.take('ada')
    await limiters[0]?.[Symbol.asyncDispose]()
    assert.deepEqual(
      store.settled.flat().map(({ cost }) => cost),
      [-10],
    )
  })

  it('goes back under the limit of its plan', async () => {
    const { policies, limiters, store } = setup(1, { capacity: 20, refillPerSecond: 0.001, leaseTokens: 10 })
    await policies[0]?.take('ada', { limit: { capacity: 500, refillPerSecond: 1 } })
    await limiters[0]?.giveBack()
    assert.equal(store.settled[0]?.[0]?.capacity, 500)
  })

  it('is in proportion to the capacity of a plan, and none where that is less than a token', async () => {
    const { policies, store } = setup(1, { capacity: 100, refillPerSecond: 0.001, leaseTokens: 10 })
    const asFor = async (capacity: number) => {
      await policies[0]?.take(`of ${capacity}`, { limit: { capacity, refillPerSecond: 0.001 } })
      return store.asked.at(-1)?.[0]?.upTo
    }
    assert.deepEqual([await asFor(100), await asFor(1000), await asFor(20), await asFor(9)], [11, 101, 3, undefined])
  })

  it('pays a part of what a call costs, and the store the rest', async () => {
    const { policies, store } = setup(1, { capacity: 10, refillPerSecond: 0.001, leaseTokens: 4 })
    await policies[0]?.take('ada')
    assert.equal((await policies[0]?.take('ada', { cost: 9 }))?.allowed, true)
    assert.equal(store.asked[1]?.[0]?.cost, 5)
    assert.equal((await policies[0]?.take('ada', { cost: 1 }))?.allowed, false)
  })

  it('is put back when another layer refuses', async () => {
    const { policies, limiters } = setup(1, { capacity: 10, refillPerSecond: 0.001, leaseTokens: 4 })
    const narrow = limiters[0]?.policy('narrow', { capacity: 1, refillPerSecond: 0.001 })
    const [api] = policies
    assert.ok(narrow && api)
    const take = () => limiters[0]?.take([api.of('ada'), narrow.of('ada')])
    assert.equal((await take())?.allowed, true)
    assert.equal((await take())?.allowed, false)
    await limiters[0]?.giveBack()
    assert.equal((await api.take('ada', { cost: 0 })).strictest.decision?.remaining, 9)
  })

  it('is one of maxLeases: the oldest goes back first', async () => {
    const clock = () => 0
    const store = new RemoteStore(clock)
    const limiter = createLimiter({ store, clock, maxLeases: 2 })
    const api = limiter.policy('api', { capacity: 10, refillPerSecond: 1, leaseTokens: 5 })
    for (const key of ['a', 'b', 'c']) await api.take(key)
    assert.equal(limiter.sizes.leases, 2)
    assert.deepEqual([store.settled[0]?.[0]?.policy, store.settled[0]?.[0]?.key], ['api', 'a'])
  })
})
