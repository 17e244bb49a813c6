import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { eventually, TestClock } from '@stoa/testkit'
import { type RedisServer, startRedis } from '@stoa/testkit/servers'
import type { EntryOptions } from '../src/index.ts'
import { connected, install, type Process } from './redis-setup.ts'
import { acme, minute, Source } from './setup.ts'

const ask = <T>({ cache }: Process, source: Source<T>, options: EntryOptions<T> = minute, key = 'key') =>
  cache.lookup(acme, key, options, source.load)

describe('Redis that is slow', () => {
  it('costs the time limit a few times, then nothing, and comes back by itself', async () => {
    await using installation = await install()
    const clock = new TestClock()
    const slow = installation.start({ memoryBytes: 0, redis: { timeoutMs: 50, failures: 3, restMs: 1_000 } }, { clock })
    await connected(slow)
    const source = new Source('v')
    const answers = Promise.withResolvers<void>()
    slow.wire.before = () => answers.promise
    for (let i = 0; i < 3; i++) {
      const asked = ask(slow, source)
      await clock.sleeping()
      await clock.advance(50)
      assert.equal((await asked).value, 'v')
    }
    assert.equal(slow.told('redis_away').length, 1)
    for (let i = 0; i < 100; i++) assert.equal((await ask(slow, source)).value, 'v')
    assert.equal(slow.told('redis_failed').length, 3)
    await clock.advance(1_000)
    const first = ask(slow, source)
    for (let i = 0; i < 100; i++) assert.equal((await ask(slow, source, minute, `k${i}`)).value, 'v')
    await clock.advance(50)
    await first
    assert.equal(slow.told('redis_failed').length, 4)
    answers.resolve()
    // What came too late was the turn to load, which is given back.
    await eventually(() => slow.wire.steps.includes('release'))
    await clock.advance(1_000)
    await ask(slow, source)
    assert.equal(slow.told('redis_back').length, 1)
    await slow.cache.settled()
    assert.equal((await ask(slow, source)).outcome, 'hit')
  })

  it('without end keeps nobody waiting', async () => {
    await using installation = await install()
    const slow = installation.start({ redis: { timeoutMs: 50 } })
    await connected(slow)
    slow.wire.after = () => new Promise(() => undefined)
    const values = Array.from({ length: 50 }, (_, i) => ask(slow, new Source(i), minute, `k${i}`))
    assert.equal((await Promise.all(values)).length, 50)
  })

  it('a drop that was too slow counts as failed, and is sent again', async () => {
    await using installation = await install()
    const [a, b] = [installation.start({ redis: { timeoutMs: 1_000, restMs: 10 } }), installation.start()]
    await connected(a, b)
    const source = new Source('old')
    await ask(a, source)
    await a.cache.settled()
    let lost = 1
    a.wire.before = (step) => (step === 'drop' && lost-- > 0 ? new Promise(() => undefined) : undefined)
    source.value = 'new'
    await a.cache.drop(acme, minute.tags)
    await eventually(() => a.wire.steps.includes('drop'))
    assert.equal((await ask(b, source)).value, 'new')
  })
})

describe('drops that Redis did not confirm', () => {
  it('are sent again until one fails; then there is a rest, and the process has time for everything else', async () => {
    await using installation = await install()
    const clock = new TestClock()
    const a = installation.start({ redis: { failures: 1, restMs: 1_000 } }, { clock })
    await connected(a)
    let passing = 0
    a.wire.before = (step) => {
      if (step === 'drop' && passing-- <= 0) throw new Error('lost')
    }
    for (let i = 0; i < 5; i++) await a.cache.drop({ tenant: { id: `t${i}` } }, ['thing:1'])
    passing = 1
    await clock.advance(1_000)
    await eventually(() => a.told('redis_away').length === 2)
    assert.deepEqual([a.wire.steps, a.told('redis_failed').length], [['drop'], 2])
    passing = 4
    await eventually(async () => {
      await clock.advance(1_000)
      return a.wire.steps.length === 5
    })
  })
})

describe('Redis that comes and goes', () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({ extraConfig: { appendonly: 'no' } })
  })
  after(() => server.stop())

  it('gone: every value still comes, drops still work; back: it is used again by itself', async () => {
    await using installation = await install(server.url)
    const [a, b] = [
      installation.start({ redis: { restMs: 20 } }),
      installation.start({ memoryBytes: 0, redis: { restMs: 20 } }),
    ]
    await connected(a, b)
    const source = new Source(1)
    await ask(a, source)
    await server.kill()
    for (let i = 0; i < 50; i++) {
      source.value++
      await a.cache.drop(acme, minute.tags)
      assert.equal((await ask(a, source)).value, source.value)
      assert.equal((await ask(b, source)).value, source.value)
    }
    await server.restart()
    await connected(a, b)
    await eventually(async () => (await ask(b, source)).outcome === 'hit')
    assert.equal((await ask(b, source)).value, source.value)
    await eventually(() => a.told('redis_back').length > 0)
    source.value++
    await a.cache.drop(acme, minute.tags)
    assert.equal((await ask(b, source)).value, source.value)
  })

  it('flushed while a load is under way: what began before a drop cannot store after it', async () => {
    await using installation = await install(server.url)
    const [a, b] = [installation.start(), installation.start()]
    await connected(a, b)
    const source = new Source('old')
    for (let i = 0; i < 5; i++) await a.cache.drop(acme, ['thing:2'])
    source.hold()
    const slow = ask(a, source)
    await eventually(() => source.loads > 0)
    await installation.redis.flushall()
    source.value = 'new'
    await b.cache.drop(acme, minute.tags)
    source.release()
    await slow
    await a.cache.settled()
    assert.equal((await ask(b, source)).value, 'new')
  })

  it('the script cache lost: nobody notices', async () => {
    await using installation = await install(server.url)
    const [a, b] = [installation.start(), installation.start()]
    await connected(a, b)
    const source = new Source('v')
    await installation.redis.script('FLUSH')
    await ask(a, source)
    await a.cache.settled()
    await installation.redis.script('FLUSH')
    await b.cache.drop(acme, ['thing:2'])
    assert.equal((await ask(b, source)).outcome, 'hit')
    assert.deepEqual([...a.told('redis_failed'), ...b.told('redis_failed')], [])
  })

  it('out of memory: values are loaded, what is there is still given, and drops still count', async () => {
    await using installation = await install(server.url)
    const [a, b] = [installation.start(), installation.start({ memoryBytes: 0 })]
    await connected(a, b)
    const [kept, other] = [new Source('kept'), new Source('other')]
    await ask(a, kept)
    await a.cache.settled()
    await installation.redis.config('SET', 'maxmemory', '1')
    try {
      assert.equal((await ask(b, kept)).outcome, 'hit')
      assert.equal((await ask(b, other, minute, 'other')).value, 'other')
      await b.cache.settled()
      kept.value = 'changed'
      await a.cache.drop(acme, minute.tags)
      assert.equal((await ask(b, kept)).value, 'changed')
    } finally {
      await installation.redis.config('SET', 'maxmemory', '0')
    }
    await ask(b, kept)
    await b.cache.settled()
    assert.equal((await ask(b, kept)).outcome, 'hit')
  })

  it('a server that only reads (a replica after a failover): values are loaded, drops wait until it writes', async () => {
    await using installation = await install(server.url)
    const [a, b] = [
      installation.start({ redis: { restMs: 20, failures: 1_000 } }),
      installation.start({ memoryBytes: 0, redis: { failures: 1_000 } }),
    ]
    await connected(a, b)
    const source = new Source('old')
    await ask(a, source)
    await a.cache.settled()
    await installation.redis.replicaof('127.0.0.1', 1)
    source.value = 'new'
    await a.cache.drop(acme, minute.tags)
    assert.equal((await ask(a, source)).value, 'new')
    const drops = () => a.wire.steps.filter((step) => step === 'drop').length
    const before = drops()
    await installation.redis.replicaof('NO', 'ONE')
    await eventually(() => drops() > before)
    await eventually(async () => (await ask(b, source)).value !== 'old')
  })

  it('evicting whatever it likes: it costs loads, and never freshness', async () => {
    await using installation = await install(server.url)
    const [a, b] = [installation.start(), installation.start({ memoryBytes: 0 })]
    await connected(a, b)
    const source = new Source(0)
    let seed = 7
    for (let i = 0; i < 300; i++) {
      seed = (seed * 48_271) % 2_147_483_647
      if (seed % 3 === 0) {
        source.value++
        await a.cache.drop(acme, minute.tags)
      }
      assert.equal((await ask(b, source)).value, source.value)
      await b.cache.settled()
      const key = await installation.redis.randomkey()
      if (key && seed % 2 === 0) await installation.redis.del(key)
    }
  })

  it('more failed drops than can be kept: nothing that Redis has is believed until it must have expired', async () => {
    const clock = new TestClock()
    await using installation = await install(server.url)
    const options = { maxTtlMs: 60_000, redis: { failures: 1_000, restMs: 600_000 } }
    const a = installation.start(options, { clock })
    const b = installation.start()
    await connected(a, b)
    const scopes = Array.from({ length: 10_001 }, (_, i) => ({ tenant: { id: `t${i}` } }))
    const first = scopes[0] as (typeof scopes)[0]
    const load = new Source('old')
    await b.cache.wrap(first, 'k', minute, load.load)
    await b.cache.settled()
    a.wire.before = (step) => {
      if (step === 'drop') throw new Error('lost')
    }
    load.value = 'new'
    for (const scope of scopes) await a.cache.drop(scope, ['thing:1'])
    a.wire.before = () => undefined
    assert.equal(await a.cache.wrap(first, 'k', minute, load.load), 'new')
    await clock.advance(60_000)
    await a.cache.drop(first, ['thing:1'])
    assert.equal(await a.cache.wrap(first, 'k', minute, load.load), 'new')
    await a.cache.settled()
    assert.equal(load.loads, 3)
  })
})

describe('the end', () => {
  it('a cache that is closed has stored what it began to, and leaves the client to its owner', async () => {
    await using installation = await install()
    const [a, b] = [installation.start(), installation.start()]
    await connected(a, b)
    const source = new Source('v')
    await ask(a, source)
    await a.cache[Symbol.asyncDispose]()
    assert.equal((await ask(b, source)).outcome, 'hit')
    assert.equal(a.wire.client.status, 'ready')
  })

  it('closing does not wait for a Redis that is gone', async () => {
    const server = await startRedis()
    await using installation = await install(server.url)
    const a = installation.start({ redis: { timeoutMs: 100, restMs: 600_000 } })
    await connected(a)
    await ask(a, new Source('v'))
    await server.stop()
    if (a.wire.client.status === 'ready') await once(a.wire.client, 'close')
    await a.cache.drop(acme, minute.tags)
    await a.cache[Symbol.asyncDispose]()
  })
})
