import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Resources, systemClock } from '@stoa/kernel'
import { createLimiter } from '@stoa/limiter'
import { createLogger } from '@stoa/telemetry'
import { eventually, testPlace } from '@stoa/testkit'
import { startRedis } from '@stoa/testkit/servers'
import { Redis } from 'ioredis'
import { startStoa } from '../src/compose.ts'
import { configOf } from '../src/config/config.ts'
import { readEnvironment } from '../src/config/env.ts'
import { migrationSets } from '../src/manifest.ts'
import { openLimits } from '../src/open-limits.ts'
import { run } from '../src/run.ts'

/** An installation of two processes, whose callers without a key may ask 30 times and no more. */
async function setup(redisUrl: string | null, more: Readonly<Record<string, string>> = {}) {
  await using opening = new AsyncDisposableStack()
  const place = opening.use(await testPlace({ engine: 'postgres', sets: migrationSets, name: 'limits' }))
  const env = {
    ...{ STOA_DATA: place.dataDir, PORT: '0', STOA_LOG_LEVEL: 'silent', DATABASE_URL: place.databaseUrl ?? '' },
    STOA_TRUSTED_PROXIES: '127.0.0.1',
    STOA_ANONYMOUS_RATE_LIMIT: '30/0.001',
    // A machine that is busy with other tests is no reason to refuse a request.
    STOA_MAX_EVENT_LOOP_DELAY_MS: '0',
    ...(redisUrl !== null && { REDIS_URL: redisUrl }),
    ...more,
  }
  const start = async () => {
    const config = configOf(readEnvironment(env), {}, false)
    const program = await startStoa(config, { log: createLogger({ level: 'silent' }), clock: systemClock })
    opening.use(program)
    return program.url
  }
  const urls = [await start(), await start()] as const
  /** Runs a command beside them. @returns its exit code, and what it printed */
  const call = async (words: string) => {
    const printed: string[] = []
    const say = (text: string) => void printed.push(text)
    const code = await run(words.split(' '), { env, isTerminal: false, print: say, complain: say })
    return { code, printed }
  }
  const stack = opening.move()
  const askAs = async (address: string, url: string) => {
    const answer = await fetch(`${url}/api/v1/links`, { headers: { 'x-forwarded-for': address } })
    await answer.arrayBuffer()
    return answer.status
  }
  /** Statuses of requests without a key from one address, by both in turn. */
  const ask = async (count: number) => {
    const statuses: number[] = []
    for (let turn = 0; turn < count; turn++) statuses.push(await askAs('203.0.113.7', urls[turn % 2] as string))
    return statuses
  }
  /** Waits until each of the two counts in Redis: they connect in the background. */
  const countsIn = async (redis: Redis) => {
    let callers = 0
    for (const url of urls) {
      const buckets = await redis.dbsize()
      await eventually(async () => {
        await askAs(`198.51.100.${callers++ % 250}`, url)
        return (await redis.dbsize()) > buckets
      })
    }
  }
  return { ask, call, countsIn, urls, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe('limits of two installations', () => {
  it('that share a Redis are two limits, though their callers have one address', async () => {
    await using server = await startRedis()
    await using one = await setup(server.url)
    await using other = await setup(server.url)
    const redis = new Redis(server.url)
    await one.countsIn(redis)
    await other.countsIn(redis)
    redis.disconnect()
    assert.equal((await one.ask(80)).at(-1), 429)
    const passed = (await other.ask(80)).filter((status) => status === 401).length
    assert.ok(passed >= 30, String(passed))
  })
})

describe('limits of two processes', () => {
  it('are one limit where there is Redis, and hold while it is away', async () => {
    await using redis = await startRedis()
    await using installation = await setup(redis.url)
    const client = new Redis(redis.url)
    client.on('error', () => undefined)
    await installation.countsIn(client)
    client.disconnect()
    const passed = (await installation.ask(80)).filter((status) => status === 401).length
    // An answer that a busy machine brings too late is given by the process, which then counts that one by itself.
    assert.ok(passed >= 30 && passed < 60, String(passed))
    await redis.kill()
    const away = await installation.ask(20)
    assert.deepEqual(new Set(away), new Set([429]), 'what was refused is still refused, and no request fails')
  })

  it('are two limits without it', async () => {
    await using installation = await setup(null)
    const passed = (await installation.ask(80)).filter((status) => status === 401).length
    assert.equal(passed, 60)
  })

  it('are one limit for whoever guesses keys, without Redis too', async () => {
    await using installation = await setup(null, { STOA_ANONYMOUS_RATE_LIMIT: '1000/1' })
    const statuses: number[] = []
    for (let turn = 0; turn < 150; turn++) {
      const token = `stoa_${String(turn).padStart(16, '0')}_${'0'.repeat(32)}`
      const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': '203.0.113.7' }
      const answer = await fetch(`${installation.urls[turn % 2]}/api/v1/links`, { headers })
      await answer.arrayBuffer()
      statuses.push(answer.status)
    }
    // 100 at once, and one more each second.
    const heard = statuses.filter((status) => status === 401).length
    assert.ok(heard >= 100 && heard < 150, String(heard))
    assert.equal(statuses.at(-1), 429)
  })

  it('take a try from several buckets at once there, all or nothing, and give back what was right', async () => {
    await using stack = new AsyncDisposableStack()
    const place = stack.use(await testPlace({ engine: 'postgres', sets: migrationSets, name: 'tries' }))
    const env = { STOA_DATA: place.dataDir, DATABASE_URL: place.databaseUrl ?? '' }
    const config = configOf(readEnvironment(env), {}, false)
    const resources = stack.use(new Resources())
    const ground = { log: createLogger({ level: 'silent' }), clock: systemClock, secret: () => Buffer.alloc(9) }
    const { requests, tries } = await openLimits(config, ground, resources)
    assert.deepEqual(requests, {}, 'requests are counted in the process')
    const limiter = stack.use(
      createLimiter({ ...(tries.limitStore && { store: tries.limitStore }), timeoutMs: 60_000 }),
    )
    const [account, address] = [3, 5].map((capacity) =>
      limiter.policy(`of-${capacity}`, { capacity, refillPerSecond: 1e-6 }),
    )
    const tried = async () => {
      const answer = await limiter.take(
        [account?.of('ada'), address?.of('203.0.113.7')].filter((ask) => ask !== undefined),
      )
      return { answer, left: answer.layers.map(({ decision, source }) => [source, decision?.remaining]) }
    }
    const first = await tried()
    assert.deepEqual(first.left, [
      ['store', 2],
      ['store', 4],
    ])
    assert.equal(await first.answer.refund(), true)
    for (let turn = 0; turn < 3; turn++) assert.equal((await tried()).answer.allowed, true)
    const refused = await tried()
    assert.deepEqual([refused.answer.allowed, refused.answer.strictest.policy.name], [false, 'of-3'])
    const others = await address?.take('203.0.113.7', { cost: 0 })
    assert.deepEqual([others?.strictest.source, others?.strictest.decision?.remaining], ['store', 2])
  })

  it('follow the plan of a tenant, which a command changes while they run', async () => {
    await using installation = await setup(null)
    const done = async (words: string) => {
      const { code, printed } = await installation.call(words)
      assert.equal(code, 0, printed.join())
      return printed
    }
    const refused = async (words: string) => {
      const { code, printed } = await installation.call(words)
      assert.ok(code === 1 || code === 2)
      return printed.join()
    }
    await done('tenant create acme')
    const key = (await done('key create --tenant acme --name test --scope *')).at(-1)
    const policies = () =>
      Promise.all(
        installation.urls.map(async (url) => {
          const answer = await fetch(`${url}/api/v1/links`, { headers: { authorization: `Bearer ${key}` } })
          await answer.arrayBuffer()
          return answer.headers.get('ratelimit-policy')
        }),
      )
    const both = (policy: string) => eventually(policies, (seen) => seen.every((one) => one === policy))
    await both('"default";q=600;w=6, "tenant";q=6000;w=6')

    const pro = 'pro                      caller 1200/200       tenant 24000/4000'
    assert.deepEqual(await done('plan set pro --caller 1200/200 --tenant 24000/4000'), [pro])
    assert.deepEqual(await done('tenant plan acme pro'), ["The tenant 'acme' has the plan pro."])
    await both('"default";q=1200;w=6, "tenant";q=24000;w=6')
    assert.deepEqual(await done('plan list'), [`${pro}  1 tenant`])
    const [listed = ''] = await done('tenant list --json')
    assert.deepEqual([JSON.parse(listed).slug, JSON.parse(listed).plan], ['acme', 'pro'])
    await done('plan set pro --caller 60/0.5 --tenant 24000/4000')
    await both('"default";q=60;w=120, "tenant";q=24000;w=6')

    assert.match(await refused('plan remove pro'), /Tenants have the plan 'pro'/)
    assert.match(await refused('plan remove gold'), /There is no plan 'gold'/)
    assert.match(await refused('tenant plan acme gold'), /There is no plan 'gold'/)
    assert.match(await refused('plan set default --caller 1/1 --tenant 1/1'), /is not 'default'/)
    assert.match(await refused('plan set pro --caller 1/0 --tenant 1/1'), /--caller takes requests at once/)

    await done('tenant plan acme default')
    await both('"default";q=600;w=6, "tenant";q=6000;w=6')
    assert.deepEqual(await done('plan remove pro'), ['Removed pro.'])
  })
})
