import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createLimiter, createRedisStore, type Limiter } from '@stoa/limiter'
import { eventually, inTime } from '@stoa/testkit'
import { type RedisSentinel, startRedisSentinel } from '@stoa/testkit/servers'
import { Redis } from 'ioredis'

describe('the limiter on Redis that fails over (Sentinel)', () => {
  let servers: RedisSentinel
  let redis: Redis
  let limiter: Limiter
  before(async () => {
    servers = await startRedisSentinel()
    const { name, sentinels } = servers
    redis = new Redis({
      ...{ sentinels: [...sentinels], name, maxRetriesPerRequest: 0, enableOfflineQueue: false },
      ...{ sentinelRetryStrategy: () => 50, retryStrategy: () => 50 },
    })
    redis.on('error', () => undefined)
    await eventually(() => redis.status === 'ready')
    limiter = createLimiter({ store: createRedisStore(redis), timeoutMs: 2_000, breakerCoolMs: 50 })
  })
  after(async () => {
    await limiter?.[Symbol.asyncDispose]()
    redis?.disconnect()
    await servers?.[Symbol.asyncDispose]()
  })

  it('answers every take in time by what the policy says, and goes on with the buckets that the new primary has', async () => {
    const settings = { capacity: 10, refillPerSecond: 0.001 }
    const local = limiter.policy('local', { ...settings, onStoreFailure: 'local' })
    const closed = limiter.policy('closed', { ...settings, onStoreFailure: 'closed' })
    for (let n = 0; n < 6; n++) assert.equal((await local.take('ada')).allowed, true)
    await redis.wait(1, 10_000)

    await servers.primary.kill()
    const sources = new Set<string>()
    const refused = async () => {
      const { strictest } = await inTime(Promise.resolve(closed.take('bob')), 'a take')
      sources.add(strictest.source)
      return strictest.source
    }
    await eventually(refused, (source) => source === 'closed')
    assert.equal((await local.take('ada')).strictest.source, 'local')
    await eventually(refused, (source) => source === 'store')
    assert.ok(!sources.has('open'))
    // Six were taken before; what was taken meanwhile was taken of the bucket that stood in.
    const { strictest } = await local.take('ada')
    assert.deepEqual([strictest.source, strictest.decision?.remaining], ['store', 3])
  })
})
