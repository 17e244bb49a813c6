import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  createLimiter,
  createPostgresStore,
  createRedisStore,
  type Limiter,
  type OnStoreFailure,
  type Policy,
  type Store,
} from '@stoa/limiter'
import { eventually, inTime } from '@stoa/testkit'
import { startPostgres, startRedis } from '@stoa/testkit/servers'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { RemoteStore } from './remote-store.ts'

const limit = { capacity: 3, refillPerSecond: 0.001 }
const choices: readonly OnStoreFailure[] = ['open', 'closed', 'local']

/** A limiter whose circuit breaker follows a clock of the test's. */
function setup(store: Store, options: { timeoutMs?: number; failures?: number } = {}) {
  let nowMs = 0
  const seen: unknown[] = []
  const limiter = createLimiter({
    store,
    timeoutMs: options.timeoutMs ?? 60_000,
    breakerFailures: options.failures ?? 2,
    breakerCoolMs: 1000,
    clock: () => nowMs,
    onStoreFailure: (error) => seen.push(error),
  })
  const [open, closed, local] = choices.map((onStoreFailure) =>
    limiter.policy(onStoreFailure, { ...limit, onStoreFailure }),
  ) as [Policy, Policy, Policy]
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { limiter, open, closed, local, seen, pass }
}

/** What each policy says to five callers in a row. */
async function fiveEach({ open, closed, local }: Record<OnStoreFailure, Policy>, key: string) {
  const answers: Record<string, boolean[]> = {}
  for (const policy of [open, closed, local]) {
    answers[policy.name] = []
    for (let turn = 0; turn < 5; turn++) answers[policy.name]?.push((await policy.take(key)).allowed)
  }
  return answers
}

const WITHOUT_STORE = {
  open: [true, true, true, true, true],
  closed: [false, false, false, false, false],
  local: [true, true, true, false, false],
}

/** Until the store is asked again and answers: the circuit closes by itself. */
async function untilBack(limiter: Limiter, policy: Policy, pass: (ms: number) => void): Promise<void> {
  await eventually(async () => {
    pass(1000)
    await policy.take('probe', { cost: 0 })
    return limiter.storeState === 'closed'
  })
}

describe('a store that fails', () => {
  function failing(failures = 2) {
    const store = new RemoteStore(() => 0)
    const made = setup(store, { failures })
    const fail = () => {
      store.wire = async () => {
        throw new Error('gone')
      }
    }
    const mend = () => {
      store.wire = async () => undefined
    }
    return { store, fail, mend, ...made }
  }

  it('lets pass, refuses, or counts here, as the policy says', async () => {
    const { fail, limiter, ...policies } = failing()
    fail()
    assert.deepEqual(await fiveEach(policies, 'ada'), WITHOUT_STORE)
    assert.deepEqual(policies.local.counts, { allowed: 3, refused: 2, shadowRefused: 0, withoutStore: 5 })
    assert.deepEqual(limiter.sizes.localBuckets, 1)
  })

  it('says where its answers come from, and when to come back', async () => {
    const { fail, open, closed, local, pass } = failing()
    fail()
    for (const policy of [open, closed, local]) {
      const answer = await policy.take('ada')
      assert.equal(answer.strictest.source, policy.name)
    }
    pass(200)
    const refused = await closed.take('ada')
    assert.deepEqual([refused.retryAfterMs, refused.strictest.decision], [800, null])
  })

  it('is not asked after so many failures, then tried by one call, and used again when that succeeds', async () => {
    const { store, fail, mend, limiter, open, seen, pass } = failing(3)
    fail()
    for (let turn = 0; turn < 10; turn++) await open.take('ada')
    assert.deepEqual([store.asked.length, seen.length, limiter.storeState], [3, 3, 'open'])
    pass(1000)
    assert.equal(limiter.storeState, 'half open')
    await Promise.all(Array.from({ length: 10 }, () => open.take('ada')))
    assert.deepEqual([store.asked.length, limiter.storeState], [4, 'open'], 'one call tried')
    pass(999)
    await open.take('ada')
    assert.equal(store.asked.length, 4)
    mend()
    pass(1)
    assert.equal((await open.take('ada')).strictest.source, 'store')
    assert.equal(limiter.storeState, 'closed')
    assert.equal((await open.take('ada')).strictest.source, 'store')
  })

  it('is not given up for failures that are not in a row', async () => {
    const { fail, mend, limiter, open } = failing(2)
    for (let turn = 0; turn < 5; turn++) {
      fail()
      await open.take('ada')
      mend()
      await open.take('ada')
    }
    assert.equal(limiter.storeState, 'closed')
  })

  it('with several policies: one that is closed refuses, and the buckets here pay nothing for it', async () => {
    const { fail, mend, limiter, open, closed, local } = failing(1)
    fail()
    const all = await limiter.take([open.of('ada'), local.of('ada'), closed.of('ada')])
    assert.deepEqual([all.allowed, all.strictest.policy], [false, closed])
    assert.equal(limiter.sizes.localBuckets, 0)
    const both = () => limiter.take([open.of('ada'), local.of('ada')])
    for (let turn = 0; turn < 3; turn++) assert.equal((await both()).allowed, true)
    const refused = await both()
    assert.deepEqual([refused.allowed, refused.strictest.policy], [false, local])
    mend()
  })

  it('does not stop a shadow, even a closed one', async () => {
    const { fail, limiter } = failing()
    const shadow = limiter.policy('shadow', { ...limit, shadow: true, onStoreFailure: 'closed' })
    fail()
    assert.equal((await shadow.take('ada')).allowed, true)
  })

  it('loses a refund and a charge, and says so', async () => {
    const { fail, closed, local } = failing()
    const before = await closed.take('ada')
    fail()
    assert.equal(await before.refund(), false)
    assert.equal(await closed.charge('ada', 5), false)
    const here = await local.take('bob', { cost: 3 })
    assert.equal(await here.refund(), true, 'what a bucket here paid goes back there')
    assert.equal((await local.take('bob', { cost: 3 })).allowed, true)
  })

  it('that is slow holds nobody longer than the time limit, also not those who wait for a lease', async () => {
    const store = new RemoteStore(() => 0)
    const { promise: never, resolve: end } = Promise.withResolvers<void>()
    store.wire = () => never
    const { limiter } = setup(store, { timeoutMs: 20, failures: 100 })
    const leased = limiter.policy('leased', { ...limit, capacity: 50, leaseTokens: 5 })
    const answers = await Promise.all(Array.from({ length: 60 }, () => leased.take('ada')))
    assert.equal(answers.filter(({ allowed }) => allowed).length, 50)
    assert.ok(answers.every(({ strictest }) => strictest.source === 'local'))
    end()
  })

  it('gives no lease, and those who have one spend it', async () => {
    const { fail, limiter } = failing(1)
    const leased = limiter.policy('leased', { ...limit, capacity: 50, leaseTokens: 5 })
    await leased.take('ada')
    fail()
    for (let turn = 0; turn < 5; turn++) assert.equal((await leased.take('ada')).strictest.source, 'lease')
    assert.equal((await leased.take('ada')).strictest.source, 'local')
  })
})

describe('Redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  let redis: Redis
  let admin: Redis
  before(async () => {
    server = await startRedis()
    redis = new Redis(server.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
    redis.on('error', () => undefined)
    admin = new Redis(server.url)
    admin.on('error', () => undefined)
    await eventually(() => redis.status === 'ready')
  })
  after(async () => {
    redis.disconnect()
    admin.disconnect()
    await server.stop()
  })

  it('gone: policies decide; back: it is used again, with full buckets', async () => {
    const { limiter, pass, ...policies } = setup(createRedisStore(redis, { prefix: 'gone' }))
    assert.equal((await policies.local.take('ada', { cost: 3 })).strictest.source, 'store')
    await server.kill()
    await eventually(() => redis.status !== 'ready')
    assert.deepEqual(await fiveEach(policies, 'bob'), WITHOUT_STORE)
    assert.equal(limiter.storeState, 'open')
    await server.restart()
    await untilBack(limiter, policies.open, pass)
    assert.equal((await policies.local.take('ada', { cost: 3 })).strictest.source, 'store')
  })

  it('gone with commands under way: they are answered by the policies', async () => {
    const { open } = setup(createRedisStore(redis, { prefix: 'cut' }), { failures: 1000 })
    await eventually(() => redis.status === 'ready')
    const asked = Array.from({ length: 50 }, () => open.take('ada'))
    await Promise.all([server.kill(), ...asked])
    await server.restart()
    await eventually(() => redis.status === 'ready' && admin.status === 'ready')
  })

  it('slow, 2 s an answer: nobody waits for it', async () => {
    const { pass, limiter, ...policies } = setup(createRedisStore(redis, { prefix: 'slow' }), { timeoutMs: 50 })
    await admin.client('PAUSE', 2000, 'ALL')
    const answer = await policies.local.take('ada')
    assert.equal(answer.strictest.source, 'local')
    assert.deepEqual((await fiveEach(policies, 'bob')).open, WITHOUT_STORE.open)
    await admin.ping()
    await untilBack(limiter, policies.open, pass)
    assert.equal((await policies.open.take('eve')).strictest.source, 'store')
  })

  it('silent, also for those who connect again meanwhile: nobody waits for it, and it is used again', async () => {
    // One waits for a connection, the other does not.
    const patient = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
    patient.on('error', () => undefined)
    await eventually(() => redis.status === 'ready' && patient.status === 'ready')
    const made = [redis, patient].map((client) =>
      setup(createRedisStore(client, { prefix: 'silent' }), { timeoutMs: 20, failures: 3 }),
    )
    const pid = server.pid() as number
    process.kill(pid, 'SIGSTOP')
    try {
      const areAnswered = async (caller: string) => {
        for (const { limiter, pass, ...policies } of made) {
          assert.deepEqual(await inTime(fiveEach(policies, caller), 'an answer'), WITHOUT_STORE)
          assert.equal(limiter.storeState, 'open')
          // Then one call tries again.
          pass(1000)
        }
      }
      await areAnswered('ada')
      for (const client of [redis, patient]) {
        // The kernel takes the connection, and nobody says anything on it.
        client.disconnect(true)
        await eventually(() => client.status === 'connect')
      }
      await areAnswered('bob')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    for (const { limiter, pass, open } of made) await untilBack(limiter, open, pass)
    patient.disconnect()
  })

  it('failing over: a server that became a replica fails, a new primary is used', async () => {
    const { limiter, pass, ...policies } = setup(createRedisStore(redis, { prefix: 'replica' }))
    await admin.replicaof('127.0.0.1', 1)
    assert.deepEqual(await fiveEach(policies, 'ada'), WITHOUT_STORE)
    await admin.replicaof('NO', 'ONE')
    await untilBack(limiter, policies.open, pass)
    assert.equal((await policies.closed.take('ada')).allowed, true)
  })

  it('out of memory: policies decide, and it is used again when there is some', async () => {
    const { limiter, pass, ...policies } = setup(createRedisStore(redis, { prefix: 'full' }))
    await admin.config('SET', 'maxmemory', '1')
    assert.deepEqual(await fiveEach(policies, 'ada'), WITHOUT_STORE)
    await admin.config('SET', 'maxmemory', '0')
    await untilBack(limiter, policies.open, pass)
    assert.equal((await policies.closed.take('ada')).strictest.source, 'store')
  })

  it('emptied and its scripts lost: the next take is as the first', async () => {
    const { closed } = setup(createRedisStore(redis, { prefix: 'emptied' }))
    await closed.take('ada', { cost: 3 })
    await admin.flushall()
    await admin.script('FLUSH')
    const answer = await closed.take('ada', { cost: 3 })
    assert.deepEqual([answer.allowed, answer.strictest.source], [true, 'store'])
  })
})

describe('PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>
  let pool: Pool
  before(async () => {
    server = await startPostgres()
    pool = new Pool({ connectionString: server.url, max: 5, connectionTimeoutMillis: 5000 })
    pool.on('error', () => undefined)
    await createPostgresStore(pool).setup()
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  it('gone: policies decide; back: it is used again', async () => {
    const { limiter, pass, ...policies } = setup(createPostgresStore(pool))
    assert.equal((await policies.local.take('ada')).strictest.source, 'store')
    await server.kill()
    assert.deepEqual(await fiveEach(policies, 'bob'), WITHOUT_STORE)
    await server.restart()
    await untilBack(limiter, policies.open, pass)
    assert.equal((await policies.closed.take('bob')).allowed, true)
  })

  it('slow, because somebody holds the row: nobody waits for it', async () => {
    const { limiter, pass, ...policies } = setup(createPostgresStore(pool), { timeoutMs: 50 })
    await pool.query(`insert into limiter_buckets values ('local held', 1, 0, 0, 1, 1, true, 0)`)
    const holder = await pool.connect()
    await holder.query(`begin; select from limiter_buckets where key = 'local held' for update`)
    assert.equal((await policies.local.take('held')).strictest.source, 'local')
    await holder.query('rollback')
    holder.release()
    await untilBack(limiter, policies.open, pass)
  })

  it('without its table: policies decide, and it is used again when there is one', async () => {
    const { limiter, pass, ...policies } = setup(createPostgresStore(pool))
    await pool.query('alter table limiter_buckets rename to elsewhere')
    assert.deepEqual(await fiveEach(policies, 'ada'), WITHOUT_STORE)
    await pool.query('alter table elsewhere rename to limiter_buckets')
    await untilBack(limiter, policies.open, pass)
    assert.equal((await policies.closed.take('ada')).strictest.source, 'store')
  })
})
