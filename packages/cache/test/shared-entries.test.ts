import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { TestClock, testRedisUrl } from '@stoa/testkit'
import { Redis } from 'ioredis'
import { createSharedEntries, type RedisClient, type SharedEntriesOptions } from '../src/index.ts'

describe('entries that processes share', () => {
  let redis: Redis
  before(() => {
    redis = new Redis(testRedisUrl())
  })
  after(() => redis?.disconnect())

  /** Processes that share entries under a prefix of their own. */
  function setup() {
    const prefix = `test:${randomUUID()}:`
    const commands: string[] = []
    const fault = { before: (_command: string): unknown => undefined }
    const wire: RedisClient = {
      async callBuffer(command, ...args) {
        commands.push(command)
        await fault.before(command)
        return await redis.callBuffer(command, ...args)
      },
    }
    const start = (options: Partial<SharedEntriesOptions> = {}, clock?: TestClock) =>
      createSharedEntries({ prefix, timeoutMs: 10_000, ...options }, { redis: wire, ...(clock && { clock }) })
    return { commands, fault, prefix, start }
  }
  const entry = (version: number, text = `v${version}`) => ({ key: 'k', version, text })

  it('what one stores the other reads, many by one command, and what is not there is null', async () => {
    const { commands, start } = setup()
    await using one = start()
    await using other = start()
    one.store([
      { key: 'a', version: 1, text: 'A\n1' },
      { key: 'b', version: 7, text: '' },
      { key: 'ü', version: 2 ** 53 - 1, text: 'ünï' },
    ])
    await one.settled()
    commands.length = 0
    assert.deepEqual(await other.read(['a', 'x', 'b', 'ü']), ['A\n1', null, '', 'ünï'])
    assert.deepEqual(commands, ['MGET'])
    assert.deepEqual(await other.read([]), [])
  })

  it('the higher version stays, in whatever order they come', async () => {
    const { start } = setup()
    await using one = start()
    await using other = start()
    for (const versions of [
      [1, 2, 3],
      [3, 1, 2],
      [10, 9],
    ]) {
      for (const version of versions) {
        one.store([entry(version)])
        await one.settled()
      }
      assert.deepEqual(await other.read(['k']), [`v${Math.max(3, ...versions)}`])
    }
  })

  it('a mark takes away what is older, and nothing else; what is stored late stays away', async () => {
    const { start } = setup()
    await using one = start()
    await using other = start()
    one.store([entry(1)])
    await one.settled()
    other.outdate('k', 2)
    await other.settled()
    assert.deepEqual(await one.read(['k']), [null])
    one.store([entry(1)])
    await one.settled()
    assert.deepEqual(await one.read(['k']), [null])
    one.store([entry(2)])
    await one.settled()
    await using third = start()
    third.outdate('k', 2)
    await third.settled()
    assert.deepEqual(await other.read(['k']), ['v2'])
  })

  it('who told of a version believes nothing older at once, whatever Redis has', async () => {
    const { fault, start } = setup()
    await using one = start()
    one.store([entry(1)])
    await one.settled()
    const stuck = Promise.withResolvers<void>()
    fault.before = (command) => (command === 'EVALSHA' ? stuck.promise : undefined)
    one.outdate('k', 2)
    assert.deepEqual(await one.read(['k']), [null])
    stuck.resolve()
    await one.settled()
  })

  it('a mark that Redis did not take is sent again until it does', async () => {
    const { fault, start } = setup()
    const clock = new TestClock()
    await using one = start({ restMs: 1_000 }, clock)
    await using other = start()
    other.store([entry(1)])
    await other.settled()
    fault.before = () => Promise.reject(new Error('gone'))
    one.outdate('k', 2)
    await clock.sleeping()
    fault.before = () => undefined
    assert.deepEqual(await other.read(['k']), ['v1'])
    await clock.advance(1_000)
    await one.settled()
    assert.deepEqual(await other.read(['k']), [null])
  })

  it('many marks are few commands, and the newest of a key is what counts', async () => {
    const { commands, start } = setup()
    await using one = start()
    await using other = start()
    for (let n = 0; n < 1_000; n++) one.outdate(`k${n}`, 2)
    for (let n = 0; n < 1_000; n++) one.outdate(`k${n}`, 3)
    await one.settled()
    assert.ok(commands.length <= 4, `${commands.length} commands`)
    other.store([{ key: 'k7', version: 2, text: 'old' }])
    await other.settled()
    assert.deepEqual(await other.read(['k7']), [null])
    commands.length = 0
    one.outdate('k7', 3)
    await one.settled()
    assert.deepEqual(commands, [])
  })

  it('a Redis that is gone or silent gives nothing within the time limit, and then is left alone', async () => {
    const { commands, fault, start } = setup()
    const clock = new TestClock()
    await using one = start({ timeoutMs: 50, failures: 2 }, clock)
    fault.before = () => Promise.reject(new Error('gone'))
    assert.deepEqual(await one.read(['k']), [])
    fault.before = () => new Promise(() => undefined)
    const asked = one.read(['k'])
    await clock.sleeping()
    await clock.advance(50)
    assert.deepEqual(await asked, [])
    commands.length = 0
    assert.deepEqual(await one.read(['k']), [])
    one.store([entry(1)])
    assert.deepEqual(commands, [])
    fault.before = () => undefined
    await clock.advance(1_000)
    assert.deepEqual(await one.read(['k']), [null])
  })

  it('what is there and is no entry counts as not there, and is written over', async () => {
    const { prefix, start } = setup()
    await using one = start()
    await redis.lpush(`${prefix}k`, 'x')
    assert.deepEqual(await one.read(['k']), [null])
    one.store([entry(1)])
    await one.settled()
    assert.deepEqual(await one.read(['k']), ['v1'])
    for (const text of ['', '\n', 'x\ny', '-1\ny', 'NaN\ny']) {
      await redis.set(`${prefix}k`, text)
      const [found] = await one.read(['k'])
      assert.ok(found === null, JSON.stringify([text, found]))
    }
  })

  it('an entry lives for its time, a long one is not stored, and a life out of range is refused', async () => {
    const { prefix, start } = setup()
    await using one = start({ lifeMs: 60_000 })
    one.store([entry(1), { key: 'long', version: 1, text: 'x'.repeat(65_537) }])
    await one.settled()
    const left = await redis.pttl(`${prefix}k`)
    assert.ok(left > 0 && left <= 60_000, `${left}`)
    assert.deepEqual(await one.read(['long']), [null])
    for (const lifeMs of [0, 999, 3_600_001, 1.5]) assert.throws(() => start({ lifeMs }), RangeError)
  })
})
