import type { Logger, Resources } from '@stoa/kernel'
import type { Redis } from 'ioredis'

/**
 * A connection for what is worth nothing when it is late: while there is none, commands fail at once, and it connects again by itself.
 *
 * @param use what it is for, in the log: `limits`
 */
export async function connectRedis(url: string, use: string, log: Logger, resources: Resources): Promise<Redis> {
  // Loaded here: most installations have no Redis.
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(5_000, 100 * 2 ** Math.min(attempt, 6)),
  })
  redis.on('error', (err) => log.warn({ err }, `Redis: the connection for ${use} is in trouble`))
  resources.add(`Redis for ${use}`, () => redis.disconnect())
  return redis
}
