import { backoffMs, type Resources } from '@stoa/kernel'
import type { Health } from '@stoa/telemetry'
import { type RedisClient, redisClient } from './redis-client.ts'

const PING_TIMEOUT_MS = 1_000

/**
 * Adds Redis to the readiness report. It is never the reason not to be ready: without hints, other processes find out
 * by polling, limits are counted in each, and more is read from the database.
 */
export function redisCheck(health: Health, url: string, resources: Resources): void {
  const redis = connectForPing(url)
  resources.add('Redis check', () => redis.disconnect())
  health.add('redis', async () => {
    const durability = 'hints, rate limits, cached answers: nothing that must last is kept there'
    const answer = await redis.ping().catch(() => null)
    return answer === 'PONG'
      ? { ok: true, durability }
      : {
          ok: true,
          durability,
          detail: 'cannot be reached: other processes are seen by polling, and limits hold in each process by itself',
        }
  })
}

/** A connection for a ping now and then: it fails at once while there is no Redis, and connects by itself. */
function connectForPing(url: string): RedisClient {
  const redis = redisClient(url, {
    lazyConnect: true,
    enableOfflineQueue: true,
    maxRetriesPerRequest: 0,
    commandTimeout: PING_TIMEOUT_MS,
    connectTimeout: PING_TIMEOUT_MS,
    retryStrategy: (attempt) => backoffMs(attempt, 100, 5_000),
  })
  redis.on('error', () => undefined)
  return redis
}

/**
 * Asks Redis once.
 *
 * @throws Error when it does not answer in time
 */
export async function pingRedis(url: string): Promise<void> {
  const redis = redisClient(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 3_000 })
  // What the driver throws says only that there is no connection; this says why.
  let reason: unknown
  redis.on('error', (error) => {
    reason = error
  })
  // A Cluster says that no node can be used; its nodes say why.
  let nodeReason: unknown
  redis.on('node error', (error: unknown) => {
    nodeReason = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw nodeReason ?? reason ?? error
  } finally {
    redis.disconnect()
  }
}
