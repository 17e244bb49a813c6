import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLimiter, createMemoryStore, type PolicySettings } from '@stoa/limiter'
import { RemoteStore } from './remote-store.ts'

const limit = { capacity: 10, refillPerSecond: 1 }

/** The same rules hold for a store in this process, which answers at once, and for one behind a wire. */
const places = {
  'in this process': (clock: () => number) => createMemoryStore({ clock }),
  'behind a wire': (clock: () => number) => new RemoteStore(clock),
}

describe('createLimiter', () => {
  it('refuses options that make no sense, and ones that do not exist', () => {
    for (const options of [
      { timeoutMs: 0 },
      { breakerFailures: 0 },
      { breakerCoolMs: 9 },
      { maxRemembered: -1 },
      { maxLeases: 0 },
      { maxLocalBuckets: 15 },
    ]) {
      assert.throws(() => createLimiter(options), RangeError, JSON.stringify(options))
    }
    assert.throws(
      () => createLimiter({ timeout: 5 } as never),
      /unknown option 'timeout'; there is 'store', 'timeoutMs'/,
    )
  })

  it('refuses policies that make no sense, and two of one name', () => {
    const limiter = createLimiter()
    for (const settings of [
      { ...limit, capacity: 0 },
      { ...limit, leaseTokens: 11 },
      { ...limit, leaseTokens: -1 },
      { ...limit, leaseMs: 1 },
      { ...limit, onStoreFailure: 'maybe' as never },
      { ...limit, plans: { pro: { capacity: -1, refillPerSecond: 1 } } },
    ]) {
      assert.throws(() => limiter.policy('p', settings), RangeError, JSON.stringify(settings))
    }
    for (const name of ['', 'a b', 'ü', 'x'.repeat(65)])
      assert.throws(() => limiter.policy(name, limit), RangeError, name)
    assert.throws(() => limiter.policy('p', { ...limit, lease: 1 } as never), /policy p: unknown option 'lease'/)
    limiter.policy('login', limit)
    assert.throws(() => limiter.policy('login', limit), /there is a policy 'login' already/)
    assert.deepEqual(
      limiter.policies.map(({ name }) => name),
      ['login'],
    )
  })
})

for (const [place, open] of Object.entries(places)) {
  describe(`a limiter with a store ${place}`, () => {
    function setup() {
      let nowMs = 0
      const clock = () => nowMs
      const limiter = createLimiter({ store: open(clock), clock })
      const at = (ms: number) => {
        nowMs = ms
      }
      const policy = (name: string, settings: Partial<PolicySettings> = {}) =>
        limiter.policy(name, { ...limit, ...settings })
      return { limiter, at, policy }
    }

    it('lets a burst through, and says when to come back', async () => {
      const { at, policy } = setup()
      const login = policy('login')
      for (let turn = 0; turn < 10; turn++) assert.equal((await login.take('ada')).allowed, true)
      const refused = await login.take('ada')
      assert.deepEqual([refused.allowed, refused.retryAfterMs, refused.strictest.policy], [false, 1000, login])
      at(1000)
      assert.equal((await login.take('ada')).allowed, true)
      assert.deepEqual(login.counts, { allowed: 11, refused: 1, shadowRefused: 0, withoutStore: 0 })
    })

    it('keeps callers and policies apart', async () => {
      const { policy } = setup()
      const [one, two] = [policy('one'), policy('two')]
      await one.take('ada', { cost: 10 })
      assert.equal((await one.take('bob', { cost: 10 })).allowed, true)
      assert.equal((await two.take('ada', { cost: 10 })).allowed, true)
    })

    it('takes from several policies, all or nothing, and names the one that decides', async () => {
      const { limiter, policy } = setup()
      const perUser = policy('user', { capacity: 5 })
      const perTenant = policy('tenant')
      const take = (user: string) => limiter.take([perUser.of(user), perTenant.of('acme', { cost: 2 })])
      assert.equal((await take('ada')).strictest.policy, perUser)
      for (let turn = 0; turn < 4; turn++) assert.equal((await take('ada')).allowed, true)
      const refused = await take('bob')
      assert.deepEqual([refused.allowed, refused.strictest.policy], [false, perTenant])
      assert.equal((await perUser.take('bob', { cost: 5 })).allowed, true, 'the user paid nothing for it')
    })

    it('a shadow counts what it would refuse, and refuses nothing', async () => {
      const { limiter, policy } = setup()
      const strict = policy('strict', { capacity: 2, shadow: true })
      const wide = policy('wide')
      for (let turn = 0; turn < 5; turn++) {
        const answer = await limiter.take([strict.of('ada'), wide.of('ada')])
        assert.deepEqual([answer.allowed, answer.strictest.policy], [true, wide])
      }
      assert.deepEqual(strict.counts, { allowed: 2, refused: 0, shadowRefused: 3, withoutStore: 0 })
      const alone = await strict.take('ada')
      assert.deepEqual([alone.allowed, alone.retryAfterMs, alone.strictest.decision?.allowed], [true, 0, false])
    })

    it('limits by plan, and an unknown plan has the limit of the policy', async () => {
      const { policy } = setup()
      const api = policy('api', { plans: { pro: { capacity: 100, refillPerSecond: 10 } } })
      assert.equal((await api.take('acme', { plan: 'pro' })).strictest.decision?.limit, 100)
      assert.equal((await api.take('free', { plan: 'none' })).strictest.decision?.limit, 10)
      assert.equal((await api.take('proto', { plan: '__proto__' })).strictest.decision?.limit, 10)
      assert.equal((await api.take('own', { limit: { capacity: 7, refillPerSecond: 1 } })).strictest.decision?.limit, 7)
      await assert.rejects(async () => api.take('own', { limit: { capacity: 0, refillPerSecond: 1 } }), RangeError)
    })

    it('a changed limit holds from the next take on, for full buckets and for refused callers', async () => {
      const { policy } = setup()
      const api = policy('api', { plans: { pro: { capacity: 20, refillPerSecond: 1 } } })
      await api.take('full', { cost: 0 })
      await api.take('empty', { cost: 10 })
      assert.equal((await api.take('empty')).allowed, false)
      api.change({ capacity: 4, plans: { pro: { capacity: 3, refillPerSecond: 1 } } })
      assert.equal((await api.take('full', { cost: 0 })).strictest.decision?.remaining, 4)
      assert.equal((await api.take('other', { plan: 'pro' })).strictest.decision?.limit, 3)
      api.change({ refillPerSecond: 1000 })
      const quick = await api.take('empty')
      assert.deepEqual([quick.allowed, quick.retryAfterMs], [false, 1])
      assert.throws(() => api.change({ capacity: Number.NaN }), RangeError)
      assert.equal(api.settings.capacity, 4)
    })

    it('gives back what a call took, and takes more of it afterwards', async () => {
      const { limiter, policy } = setup()
      const [one, two] = [policy('one'), policy('two')]
      const answer = await limiter.take([one.of('ada', { cost: 4 }), two.of('ada', { cost: 6 })])
      assert.equal(await answer.refund(), true)
      assert.equal((await one.take('ada', { cost: 0 })).strictest.decision?.remaining, 10)
      assert.equal(await (await two.take('ada')).charge(20), true)
      const refused = await two.take('ada', { cost: 0 })
      assert.deepEqual([refused.allowed, refused.retryAfterMs], [false, 11_000])
      assert.equal(await refused.refund(), false, 'a refused call took nothing')
      assert.throws(() => answer.charge(-1), RangeError)
    })

    it('refunds and charges a caller', async () => {
      const { policy } = setup()
      const api = policy('api')
      await api.take('ada', { cost: 10 })
      assert.equal((await api.take('ada', { cost: 3 })).allowed, false)
      assert.equal(await api.refund('ada', 3), true)
      assert.equal((await api.take('ada', { cost: 3 })).allowed, true)
      await api.charge('ada', 5)
      assert.equal((await api.take('ada', { cost: 0 })).retryAfterMs, 5000)
      for (const tokens of [-1, Number.NaN]) {
        assert.throws(() => api.refund('ada', tokens), RangeError)
        assert.throws(() => api.charge('ada', tokens), RangeError)
      }
    })

    it('refuses costs and layers that make no sense', async () => {
      const { limiter, policy } = setup()
      const api = policy('api')
      for (const cost of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await assert.rejects(async () => api.take('ada', { cost }), RangeError)
      }
      await assert.rejects(async () => limiter.take([]), RangeError)
      await assert.rejects(async () => limiter.take([api.of('ada'), api.of('ada')]), RangeError)
      assert.equal(limiter.storeState, 'closed', 'a mistake of the caller is no failure of the store')
    })

    it('a key of a megabyte costs no megabyte', async () => {
      const { policy } = setup()
      const api = policy('api')
      const long = 'k'.repeat(1_000_000)
      assert.ok(api.of(long).key.length < 100)
      await api.take(long, { cost: 10 })
      assert.equal((await api.take(long)).allowed, false)
      assert.equal((await api.take(`${long}!`)).allowed, true)
    })
  })
}

describe('a refusal', () => {
  function setup(maxRemembered = 100) {
    let nowMs = 0
    const clock = () => nowMs
    const store = new RemoteStore(clock)
    const limiter = createLimiter({ store, clock, maxRemembered })
    const api = limiter.policy('api', limit)
    const at = (ms: number) => {
      nowMs = ms
    }
    return { store, limiter, api, at }
  }

  it('is remembered until the bucket can pay, and costs no call', async () => {
    const { store, api, at } = setup()
    await api.take('ada', { cost: 10 })
    await api.take('ada', { cost: 2 })
    assert.equal(store.asked.length, 2)
    for (let ms = 0; ms < 2000; ms += 100) {
      at(ms)
      const answer = api.take('ada', { cost: 2 })
      assert.ok(!(answer instanceof Promise), 'it is known at once')
      assert.deepEqual([answer.allowed, answer.retryAfterMs, answer.strictest.source], [false, 2000 - ms, 'remembered'])
      assert.deepEqual(answer.strictest.decision, {
        allowed: false,
        remaining: Math.floor(ms / 1000),
        limit: 10,
        resetAfterMs: 10_000 - ms,
        retryAfterMs: 2000 - ms,
      })
    }
    assert.equal(store.asked.length, 2)
    at(2000)
    assert.equal((await api.take('ada', { cost: 2 })).allowed, true)
  })

  it('of a cost says nothing of a lower one, and all of a higher one', async () => {
    const { store, api } = setup()
    await api.take('ada', { cost: 8 })
    await api.take('ada', { cost: 5 })
    const dearer = await api.take('ada', { cost: 6 })
    assert.deepEqual([dearer.allowed, dearer.retryAfterMs, dearer.strictest.source], [false, 4000, 'remembered'])
    assert.equal((await api.take('ada', { cost: 11 })).retryAfterMs, Number.POSITIVE_INFINITY)
    assert.equal((await api.take('ada', { cost: 2 })).allowed, true)
    assert.equal(store.asked.length, 3)
  })

  it('of one layer refuses the call without asking for the others', async () => {
    const { store, limiter, api } = setup()
    const wide = limiter.policy('wide', limit)
    await api.take('ada', { cost: 10 })
    await api.take('ada')
    const answer = await limiter.take([wide.of('ada'), api.of('ada')])
    assert.deepEqual(
      answer.layers.map(({ source }) => source),
      ['unasked', 'remembered'],
    )
    assert.deepEqual([answer.allowed, answer.strictest.policy, store.asked.length], [false, api, 2])
  })

  it('is forgotten with a refund and with another limit', async () => {
    const { api } = setup()
    await api.take('ada', { cost: 10 })
    await api.take('ada')
    await api.refund('ada', 1)
    assert.equal((await api.take('ada')).allowed, true)
    await api.take('ada')
    const other = await api.take('ada', { limit: { capacity: 20, refillPerSecond: 1 } })
    assert.equal(other.strictest.source, 'store')
  })

  it('of a shadow stops nothing, and spares its call too', async () => {
    const { store, limiter } = setup()
    const shadow = limiter.policy('shadow', { ...limit, shadow: true })
    await shadow.take('ada', { cost: 10 })
    await shadow.take('ada')
    const answer = await shadow.take('ada')
    assert.deepEqual([answer.allowed, answer.strictest.source, store.asked.length], [true, 'remembered', 2])
    assert.equal(shadow.counts.shadowRefused, 2)
  })

  it('of each of 10,000 distinct keys takes no more memory than it may', async () => {
    const { limiter, api } = setup(1000)
    await Promise.all(Array.from({ length: 10_000 }, (_, key) => api.take(`caller ${key}`, { cost: 11 })))
    assert.equal(limiter.sizes.remembered, 0, 'what can never pass is not remembered')
    for (let key = 0; key < 10_000; key++) {
      await api.take(`caller ${key}`, { cost: 10 })
      await api.take(`caller ${key}`)
    }
    assert.equal(limiter.sizes.remembered, 1000)
  })

  it('is one of maxRemembered: the oldest is forgotten first, and 0 remembers none', async () => {
    const { limiter, api, store } = setup(3)
    for (const key of ['a', 'b', 'c', 'd']) {
      await api.take(key, { cost: 10 })
      await api.take(key)
    }
    assert.equal(limiter.sizes.remembered, 3)
    await api.take('d')
    assert.equal(store.asked.length, 8)
    await api.take('a')
    assert.equal(store.asked.length, 9)
    const none = setup(0)
    await none.api.take('a', { cost: 10 })
    await none.api.take('a')
    await none.api.take('a')
    assert.equal(none.store.asked.length, 3)
  })
})
