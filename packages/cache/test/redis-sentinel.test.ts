import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually, inTime } from '@stoa/testkit'
import { type RedisSentinel, startRedisSentinel } from '@stoa/testkit/servers'
import { Redis } from 'ioredis'
import { type Cache, createCache } from '../src/index.ts'
import { minute, Source } from './setup.ts'

describe('the cache on Redis that fails over (Sentinel)', () => {
  let servers: RedisSentinel
  const clients: Redis[] = []
  const caches: Cache[] = []
  before(async () => {
    servers = await startRedisSentinel()
    const { name, sentinels } = servers
    for (let process = 0; process < 2; process++) {
      const client = new Redis({
        ...{ sentinels: [...sentinels], name, maxRetriesPerRequest: 0, enableOfflineQueue: false },
        ...{ sentinelRetryStrategy: () => 50, retryStrategy: () => 50 },
      })
      client.on('error', () => undefined)
      await eventually(() => client.status === 'ready')
      clients.push(client)
      caches.push(createCache({ redis: { timeoutMs: 10_000 } }, { redis: client, random: () => 0 }))
    }
  })
  after(async () => {
    for (const cache of caches) await cache[Symbol.asyncDispose]()
    for (const client of clients) client.disconnect()
    await servers?.[Symbol.asyncDispose]()
  })

  it('loads while there is no primary, and shares again, with nothing that was dropped, when there is one', async () => {
    const [one, two] = caches as [Cache, Cache]
    const tenant = { tenant: { id: 'acme' } }
    const source = new Source('old')
    const ask = (cache: Cache, key = 'key') => inTime(cache.wrap(tenant, key, minute, source.load), 'a value')
    await ask(one)
    await one.settled()
    assert.equal(await ask(two), 'old')
    assert.equal(source.loads, 1)
    await clients[0]?.wait(1, 10_000)

    await servers.primary.kill()
    source.value = 'new'
    // The drop is confirmed by nobody, and believed here all the same.
    await one.drop(tenant, ['thing:1'])
    assert.equal(await ask(one), 'new')
    await eventually(() => clients.every(({ status }) => status === 'ready'))
    const other = new Source('shared')
    const shared = async (key: string) => {
      const before = other.loads
      const share = (cache: Cache) => inTime(cache.wrap(tenant, key, minute, other.load), 'a value')
      await share(one)
      await one.settled()
      await share(two)
      return other.loads === before + 1
    }
    let n = 0
    await eventually(() => shared(`shared ${n++}`))
    // The new primary has the value of before the drop, until it is told. Each time somebody asks who knows nothing.
    await eventually(async () => {
      await using late = createCache({ redis: { timeoutMs: 10_000 } }, { redis: clients[1] as Redis, random: () => 0 })
      return (await ask(late)) === 'new'
    })
  })
})
