/*
 * Where limits are counted:
 *
 *                    Redis                 PostgreSQL without Redis            PGlite
 *   tries            all processes         all processes, in the database      the process
 *   requests         all processes         each process by itself              the process
 *
 * Tries are what guesses at secrets: API keys that nobody knows, passwords, codes, secrets of clients. They are few, each
 * costs a query or the hash of a password anyway, and a guesser must not win by asking several processes, or by waiting
 * for a restart.
 *
 * Requests are not counted in PostgreSQL. Measured on two cores: a take from two buckets (a caller's and its tenant's) is
 * 0.4 to 0.5 ms of the database's CPU, from one 0.05; a whole read of a link is 0.04. With leases a caller who asks all
 * the time costs next to nothing, but one who asks now and then costs that take, and two more statements that give back
 * what was not spent; and each visitor of a short link is a caller of his own. So the limit would be dearer than what it
 * protects, and it would stand in the way exactly when the database is slow. Without Redis, n processes let n times as
 * much through: each protects itself.
 */
import { type Database, openPostgres } from '@stoa/db'
import { type Clock, type Resources, systemCtx } from '@stoa/kernel'
import { createPostgresStore, createRedisStore, type PostgresClient, type Store } from '@stoa/limiter'
import type { Config } from './config/config.ts'
import type { InstallationSecret } from './config/secrets.ts'
import { connectRedis, type RedisGround } from './connect-redis.ts'

/** Where limits are counted; absent: in each process by itself. */
export interface OpenLimits {
  /** Of requests. */
  readonly requests: { readonly limitStore?: Store }
  /** Of tries. */
  readonly tries: { readonly limitStore?: Store }
}

interface LimitsGround extends RedisGround {
  readonly clock: Clock
  readonly secret: InstallationSecret['derive']
}

/** Connections for tries: what a request holds while it tries must not be waited for. */
export const TRIES_POOL_SIZE = 2

/** Opens where limits are counted; see above. */
export async function openLimits(
  config: Pick<Config, 'redisUrl' | 'database' | 'statementTimeoutMs'>,
  { secret, ...ground }: LimitsGround,
  resources: Resources,
): Promise<OpenLimits> {
  const { database, redisUrl, statementTimeoutMs } = config
  if (redisUrl !== null) {
    const redis = await connectRedis(redisUrl, 'limits', ground, resources)
    // Installations that share a Redis do not share callers, who are addresses too.
    const installation = secret('limits/prefix', 9).toString('base64url')
    const limitStore = createRedisStore(redis, { prefix: `stoa:limits:${installation}` })
    return { requests: { limitStore }, tries: { limitStore } }
  }
  if (database === null) return { requests: {}, tries: {} }
  const options = { ...database, poolSize: TRIES_POOL_SIZE, statementTimeoutMs, applicationName: 'stoa limits' }
  const db = resources.use(await openPostgres(options, ground), 'database of limits')
  return { requests: {}, tries: { limitStore: createPostgresStore(clientOf(db, ground), { schema: 'stoa' }) } }
}

/** A database of its own, because a try may be made inside of a transaction, which would take it back. */
function clientOf(db: Database, ground: Parameters<typeof systemCtx>[0]): PostgresClient {
  const ctx = systemCtx(ground, 'limits')
  return {
    async query({ text, values = [] }) {
      return { rows: await db.system(ctx, (tx) => tx.many<unknown>({ sql: text, parameters: values })) }
    },
  }
}
