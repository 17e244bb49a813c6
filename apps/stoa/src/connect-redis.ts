import { backoffMs, type Logger, type Resources } from '@stoa/kernel'
import type { Tracing } from '@stoa/telemetry'
import type { RedisClient } from './redis-client.ts'
import { traceRedis } from './trace.ts'

/** What a connection stands on. */
export interface RedisGround {
  readonly log: Logger
  /** Default: commands are not traced. */
  readonly tracing?: Tracing
}

/**
 * A connection for what is worth nothing when it is late: while there is none, commands fail at once, and it connects
 * again by itself.
 *
 * @param use what it is for, in the log: `limits`
 */
export async function connectRedis(
  url: string,
  use: string,
  { log, tracing }: RedisGround,
  resources: Resources,
): Promise<RedisClient> {
  // Loaded here: most installations have no Redis.
  const [{ redisClient }, { tellOutages }] = await Promise.all([
    import('./redis-client.ts'),
    import('@stoa/journal/redis'),
  ])
  const redis = redisClient(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => backoffMs(attempt, 100, 5_000),
  })
  if (tracing?.enabled) traceRedis(redis)
  tellOutages(redis, use, { log })
  resources.add(`Redis for ${use}`, () => redis.disconnect())
  return redis
}
