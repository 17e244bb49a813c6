import type { Logger, Resources } from '@stoa/kernel'
import { createRedisStore, type Store } from '@stoa/limiter'
import type { Config } from './config/config.ts'

/** Where limits are counted: in Redis for all processes, when there is one; else in each process by itself. */
export async function openLimits(
  { redisUrl }: Pick<Config, 'redisUrl'>,
  { log }: { readonly log: Logger },
  resources: Resources,
): Promise<{ readonly limitStore?: Store }> {
  if (redisUrl === null) return {}
  const { Redis } = await import('ioredis')
  const redis = new Redis(redisUrl, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(5_000, 100 * 2 ** Math.min(attempt, 6)),
  })
  redis.on('error', (err) => log.warn({ err }, 'Redis: the connection for limits is in trouble'))
  resources.add('limits', () => redis.disconnect())
  return { limitStore: createRedisStore(redis, { prefix: 'stoa:limits' }) }
}
