import type { Resources } from '@stoa/kernel'
import { createRedisStore, type Store } from '@stoa/limiter'
import type { Config } from './config/config.ts'
import type { InstallationSecret } from './config/secrets.ts'
import { connectRedis, type RedisGround } from './connect-redis.ts'

/** Where limits are counted: in Redis for all processes, when there is one; else in each process by itself. */
export async function openLimits(
  { redisUrl }: Pick<Config, 'redisUrl'>,
  { secret, ...ground }: RedisGround & { readonly secret: InstallationSecret['derive'] },
  resources: Resources,
): Promise<{ readonly limitStore?: Store }> {
  if (redisUrl === null) return {}
  const redis = await connectRedis(redisUrl, 'limits', ground, resources)
  // Installations that share a Redis do not share callers, who are addresses too.
  const installation = secret('limits/prefix', 9).toString('base64url')
  return { limitStore: createRedisStore(redis, { prefix: `stoa:limits:${installation}` }) }
}
