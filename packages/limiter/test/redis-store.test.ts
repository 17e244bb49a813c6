import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore, createRedisStore, type Limit, type RedisClient } from '@stoa/limiter'
import { eventually } from '@stoa/testkit'
import { startRedis } from '@stoa/testkit/servers'
import fc from 'fast-check'
import { Cluster, Redis } from 'ioredis'
import { ModelStore } from './model.ts'

type Server = Awaited<ReturnType<typeof startRedis>>

/** Takes of some buckets in one turn of the event loop, and what one of them is charged between them. */
interface Turn {
  readonly stepMs: number
  readonly takes: readonly string[]
  /** Which of two. */
  readonly limit: number
  readonly charge: number
}

const limit = { capacity: 10, refillPerSecond: 1 }

describe('createRedisStore', () => {
  it('refuses options that make no sense, and ones that do not exist', () => {
    const client = {} as RedisClient
    for (const keepMs of [0, -1, 1.5, Number.NaN, 86_400_001]) {
      assert.throws(() => createRedisStore(client, { keepMs }), RangeError, String(keepMs))
    }
    for (const prefix of ['', 'a b', '{a}', 'x'.repeat(65)]) {
      assert.throws(() => createRedisStore(client, { prefix }), RangeError, prefix)
    }
    assert.throws(() => createRedisStore(client, { prefx: 'a' } as never), /unknown option 'prefx'; there is 'prefix'/)
  })
})

describe('the redis store on one server', () => {
  let server: Server
  let redis: Redis
  before(async () => {
    server = await startRedis()
    redis = new Redis(server.url)
  })
  after(async () => {
    redis.disconnect()
    await server.stop()
  })

  function setup(options: Parameters<typeof createRedisStore>[1] = {}) {
    const store = createRedisStore(redis, options)
    const take = (key: string, cost = 1, of = limit) => store.take([{ key, cost, ...of }])
    return { store, take }
  }

  it('sends the script again when the server has lost it', async () => {
    const { take } = setup({ prefix: 'lost' })
    assert.equal((await take('ada')).layers[0]?.remaining, 9)
    await redis.script('FLUSH')
    assert.equal((await take('ada')).layers[0]?.remaining, 8)
    await server.restart()
    await eventually(() => redis.status === 'ready')
    assert.equal((await take('ada')).layers[0]?.remaining, 9, 'a server without persistence begins with full buckets')
  })

  it('takes from the bucket that a layer named when it was given, whatever it names afterwards', async () => {
    const { store } = setup({ prefix: 'again' })
    const layer = { key: '', capacity: 1, refillPerSecond: 0.001 }
    const answers = await Promise.all(
      ['one', 'two', 'two'].map((key) => {
        layer.key = key
        return store.take([layer])
      }),
    )
    assert.deepEqual(
      answers.map(({ allowed }) => allowed),
      [true, true, false],
    )
  })

  it('finds full buckets after FLUSHALL', async () => {
    const { take } = setup({ prefix: 'flushed' })
    await take('ada', 10)
    await redis.flushall()
    assert.equal((await take('ada', 10)).allowed, true)
  })

  it('keeps a bucket until it is full, and keepMs longer: an idle caller costs nothing', async () => {
    const { take } = setup({ prefix: 'idle', keepMs: 5000 })
    await take('ada', 4, { capacity: 10, refillPerSecond: 0.01 })
    const [key] = await redis.keys('*idle*')
    const left = await redis.pttl(key ?? '')
    assert.ok(left <= 405_000 && left > 300_000, String(left))
    await setup({ prefix: 'gone', keepMs: 1 }).take('ada', 0)
    await eventually(async () => (await redis.keys('*gone*')).length === 0)
  })

  it('takes 20,000 distinct keys, and each one has its time to go', async () => {
    const { take } = setup({ prefix: 'many', keepMs: 60_000 })
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(Array.from({ length: 1000 }, (_, index) => take(`caller ${batch} ${index}`)))
    }
    const info = await redis.info('keyspace')
    const [, keys, expires] = /keys=(\d+),expires=(\d+)/.exec(info) ?? []
    assert.ok(Number(keys) >= 20_000)
    assert.equal(expires, keys)
  })

  it('counts in the time of the server, whatever the clock of the node says', async (t) => {
    t.mock.method(Date, 'now', () => 0)
    t.mock.method(performance, 'now', () => 0)
    const { take } = setup({ prefix: 'time' })
    const [seconds] = (await redis.time()) as unknown as [string]
    const { layers } = await take('ada', 10)
    assert.ok((layers[0]?.resetAfterMs ?? 0) > 9000)
    const [key] = await redis.keys('*time*')
    const stored = await redis.getBuffer(key ?? '')
    assert.ok((stored?.readDoubleLE(8) ?? 0) >= Number(seconds) * 1000)
  })

  it('sends the takes of one turn of the event loop as one call, or two when they are of many buckets', async () => {
    const { take } = setup({ prefix: 'turn' })
    await take('ada')
    for (const [takes, buckets, calls] of [
      [20, 20, 1],
      [200, 200, 2],
      [200, 20, 1],
    ] as const) {
      await redis.config('RESETSTAT')
      await Promise.all(Array.from({ length: takes }, (_, index) => take(`caller ${index % buckets}`)))
      assert.match(await redis.info('commandstats'), new RegExp(`cmdstat_evalsha:calls=${calls},`))
    }
  })

  it('answers takes of one bucket as if they came one after the other, whatever comes between them', async () => {
    let nowMs = 1_000
    const { store, take } = setup({ prefix: 'together', clock: () => nowMs, keepMs: 86_400_000 })
    const model = new ModelStore()
    const other = { capacity: 4, refillPerSecond: 2 }
    const ofOne = (key: string, of = limit) => ({ redis: take(key, 1, of), layers: [{ key, cost: 1, ...of }] })
    for (let turn = 0; turn < 20; turn++) {
      const asked = [
        ...[
          ofOne('ada'),
          ofOne('bob'),
          ofOne('ada'),
          ofOne('ada'),
          ofOne('bob', other),
          ofOne('bob', other),
          ofOne('bob'),
        ],
        { redis: take('ada', 2), layers: [{ key: 'ada', cost: 2, ...limit }] },
        ...[ofOne('ada'), ofOne('bob'), ofOne('ada')],
      ]
      const back = store.settle([{ key: 'ada', cost: -1, ...limit }])
      asked.push(ofOne('ada'), ofOne('ada'))
      const given = await Promise.all(asked.map(({ redis: answer }) => answer))
      await back
      // The two takes of Bob by the other limit stand between the others, so no take of his joins an earlier one.
      const expected = asked.map(({ layers }, index) => {
        if (index === asked.length - 2) model.settle([{ key: 'ada', cost: -1, ...limit }], nowMs)
        return model.take(layers, nowMs)
      })
      assert.deepEqual(
        given.map(({ allowed, layers: [layer] }) => [allowed, layer?.remaining]),
        expected.map(({ allowed, layers: [layer] }) => [allowed, (layer as { remaining: number }).remaining]),
      )
      nowMs += 700
    }
    await redis.config('RESETSTAT')
    await Promise.all(Array.from({ length: 20 }, () => take('eve')))
    assert.match(await redis.info('commandstats'), /cmdstat_set:calls=1,/)
  })

  it('gives takes of few buckets that leave together the numbers of the memory store, to the millisecond', async () => {
    const limits = fc.record({
      capacity: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 1_000_000_000 })),
      refillPerSecond: fc.oneof(fc.double({ min: 0.001, max: 1_000, noNaN: true }), fc.constant(1_000_000_000)),
    })
    const turns = fc.array(
      fc.record({
        stepMs: fc.oneof({ weight: 4, arbitrary: fc.double({ min: 0, max: 3000, noNaN: true }) }, fc.constant(-500)),
        takes: fc.array(fc.constantFrom('ada', 'bob', 'eve', 'joe'), { maxLength: 9 }),
        limit: fc.nat(1),
        charge: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 })),
      }),
      { maxLength: 12 },
    )
    let run = 0
    const property = async (of: readonly Limit[], asked: readonly Turn[]) => {
      let nowMs = 1_700_000_000_000
      const clock = () => nowMs
      const store = createRedisStore(redis, { prefix: `numbers${++run}`, clock, keepMs: 86_400_000 })
      const memory = createMemoryStore({ clock })
      for (const { stepMs, takes, limit: which, charge } of asked) {
        nowMs += stepMs
        const layers = takes.map((key) => [{ key, ...(of[which] as Limit) }])
        const owed = [{ key: 'ada', ...(of[which] as Limit), cost: charge }]
        const after = [{ key: 'eve', ...(of[which] as Limit) }]
        const [given, expected] = [store, memory].map((each) => {
          return [...layers.map((one) => each.take(one)), each.settle(owed), each.take(after), each.take(after)]
        })
        assert.deepEqual(await Promise.all(given ?? []), expected)
      }
    }
    await fc.assert(fc.asyncProperty(fc.tuple(limits, limits), turns, property), { numRuns: 150 })
  })

  it('treats a value that is no bucket as none, and a key of another type as a failure', async () => {
    const { store, take } = setup({ prefix: 'foreign' })
    await redis.set('{foreign}:ada', 'hello')
    assert.equal((await take('ada')).layers[0]?.remaining, 9)
    await redis.lpush('{foreign}:bob', 'x')
    await assert.rejects(take('bob'), /WRONGTYPE/)
    const answers = await Promise.allSettled([
      store.take([{ key: 'bob', ...limit }]),
      store.take([{ key: 'eve', ...limit }]),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
      'takes of one call fail together',
    )
  })

  it('rejects an answer that is not the script’s', async () => {
    const odd: RedisClient = { evalsha: async () => [1, 2], eval: async () => 'OK' }
    const layers = [{ key: 'ada', ...limit }]
    await assert.rejects(createRedisStore(odd).take(layers), /another answer than expected/)
    for (const stood of [7, 'x', '', '1 2 3']) {
      const store = createRedisStore({ ...odd, evalsha: async () => [stood] })
      const given = await Promise.allSettled([store.take(layers), store.take(layers)])
      assert.deepEqual(
        given.map(({ status }) => status),
        ['rejected', 'rejected'],
        String(stood),
      )
    }
  })

  it('rejects when the client throws instead of answering', async () => {
    const broken: RedisClient = {
      evalsha() {
        throw new Error('closed')
      },
      eval: async () => 'OK',
    }
    await assert.rejects(createRedisStore(broken).take([{ key: 'ada', ...limit }]), /closed/)
  })

  it('fails at once while the connection is being made again', async () => {
    const lost: RedisClient = { status: 'reconnecting', evalsha: async () => [], eval: async () => [] }
    await assert.rejects(
      createRedisStore(lost).take([{ key: 'ada', ...limit }]),
      /the connection is lost \(reconnecting\)/,
    )
  })
})

describe('the redis store on a Redis Cluster', () => {
  let servers: Server[]
  let cluster: Cluster
  before(async () => {
    const config = { 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf' }
    servers = [await startRedis({ extraConfig: config }), await startRedis({ extraConfig: config })]
    await form(servers)
    cluster = new Cluster(servers.map(({ url }) => url))
  })
  after(async () => {
    cluster.disconnect()
    await Promise.all(servers.map((server) => server.stop()))
  })

  it('takes several layers in one call, whatever their keys are', async () => {
    const store = createRedisStore(cluster)
    const layers = ['ip {1}', 'user }{', 'tenant', '{}', 'global'].map((key) => ({ key, ...limit }))
    const answers = await Promise.all(Array.from({ length: 40 }, () => store.take(layers)))
    assert.equal(answers.filter(({ allowed }) => allowed).length, 10)
  })

  it('spreads keys over the nodes by slotOf, and refuses layers that do not go together', async () => {
    const store = createRedisStore(cluster, { prefix: 'spread', slotOf: (key) => key.split(' ')[0] ?? '' })
    const tenants = Array.from({ length: 40 }, (_, index) => `t${index}}{`)
    const layers = (tenant: string) => [
      { key: `${tenant} user`, ...limit },
      { key: `${tenant} all`, ...limit },
    ]
    const answers = await Promise.all(tenants.map((tenant) => store.take(layers(tenant))))
    assert.ok(answers.every(({ allowed }) => allowed))
    const counts = await Promise.all(cluster.nodes('master').map((node) => node.keys('spread*')))
    assert.equal(counts.flat().length, 80)
    assert.ok(counts.every((keys) => keys.length > 0))
    assert.throws(() => store.take([...layers('t1'), { key: 't2 all', ...limit }]), /different slots/)
  })
})

/** Makes one Cluster of the servers, without replicas, and waits until each of them serves. */
async function form(servers: readonly Server[]): Promise<void> {
  const clients = servers.map(({ url }) => new Redis(url))
  const size = Math.ceil(16_384 / servers.length)
  for (const [index, client] of clients.entries()) {
    await client.cluster('ADDSLOTSRANGE' as never, index * size, Math.min(16_383, (index + 1) * size - 1))
    for (const other of servers) await client.cluster('MEET', '127.0.0.1', Number(new URL(other.url).port))
  }
  for (const client of clients) {
    const ready = async () => {
      const info = String(await client.cluster('INFO'))
      return /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${servers.length}`)
    }
    await eventually(ready)
    client.disconnect()
  }
}
