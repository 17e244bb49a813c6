import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type RedisServer, startRedisCluster } from '@stoa/testkit/servers'
import { Cluster } from 'ioredis'
import { type Cache, createCache } from '../src/index.ts'
import { minute, Source } from './setup.ts'

describe('the cache on a Redis Cluster', () => {
  let server: RedisServer
  const clients: Cluster[] = []
  const caches: Cache[] = []
  before(async () => {
    server = await startRedisCluster()
    for (let process = 0; process < 2; process++) {
      const client = new Cluster([server.url])
      clients.push(client)
      caches.push(createCache({ redis: { timeoutMs: 10_000 } }, { redis: client, random: () => 0 }))
    }
  })
  after(async () => {
    for (const cache of caches) await cache[Symbol.asyncDispose]()
    for (const client of clients) client.disconnect()
    await server.stop()
  })

  it('shares what was loaded, drops it and clears it, whatever the tenant and the key are called', async () => {
    const [one, two] = caches as [Cache, Cache]
    for (const id of ['acme', '}{', '{', '']) {
      const tenant = { tenant: { id } }
      const source = new Source('old')
      const ask = (cache: Cache) => cache.wrap(tenant, '{key}', minute, source.load)
      await ask(one)
      await one.settled()
      assert.equal(await ask(two), 'old')
      assert.equal(source.loads, 1, id)

      source.value = 'new'
      await one.drop(tenant, ['thing:1'])
      assert.equal(await ask(one), 'new')
      await one.clear(tenant)
      assert.equal(await ask(one), 'new')
      assert.equal(source.loads, 3, id)
    }
  })
})
