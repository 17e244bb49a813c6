import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '@stoa/kernel'
import { createLogger } from '@stoa/telemetry'
import { testPlace } from '@stoa/testkit'
import { startRedis } from '@stoa/testkit/servers'
import { startStoa } from '../src/compose.ts'
import { configOf } from '../src/config/config.ts'
import { readEnvironment } from '../src/config/env.ts'
import { migrationSets } from '../src/manifest.ts'

/** An installation of two processes, whose callers without a key may ask 30 times and no more. */
async function setup(redisUrl: string | null) {
  await using opening = new AsyncDisposableStack()
  const place = opening.use(await testPlace({ engine: 'postgres', sets: migrationSets, name: 'limits' }))
  const start = async () => {
    const env = {
      ...{ STOA_DATA: place.dataDir, PORT: '0', STOA_LOG_LEVEL: 'silent', DATABASE_URL: place.databaseUrl ?? '' },
      ...(redisUrl !== null && { REDIS_URL: redisUrl }),
    }
    const config = configOf(readEnvironment(env), {}, false)
    const http = { ...config.http, anonymousRateLimit: { capacity: 30, refillPerSecond: 0.001 } }
    const program = await startStoa({ ...config, http }, { log: createLogger({ level: 'silent' }), clock: systemClock })
    opening.use(program)
    return program.url
  }
  const urls = [await start(), await start()] as const
  const stack = opening.move()
  /** Statuses of requests without a key, by both in turn. */
  const ask = async (count: number) => {
    const statuses: number[] = []
    for (let turn = 0; turn < count; turn++) {
      const answer = await fetch(`${urls[turn % 2]}/api/v1/links`)
      await answer.arrayBuffer()
      statuses.push(answer.status)
    }
    return statuses
  }
  return { ask, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe('limits of two processes', () => {
  it('are one limit where there is Redis, and hold while it is away', async () => {
    await using redis = await startRedis()
    await using installation = await setup(redis.url)
    const passed = (await installation.ask(80)).filter((status) => status === 401).length
    // The connections are made in the background; what comes before them is counted in the processes.
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
})
