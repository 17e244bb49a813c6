import { createHmac } from 'node:crypto'
import {
  type Cache,
  createCache,
  createSharedEntries,
  dropFromJournal,
  type SharedEntries,
  subjectTags,
} from '@stoa/cache'
import { type Database, databaseIncarnation } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import type { Clock, Resources } from '@stoa/kernel'
import type { Metrics } from '@stoa/telemetry'
import type { Config } from './config/config.ts'
import type { InstallationSecret } from './config/secrets.ts'
import { connectRedis, type RedisGround } from './connect-redis.ts'
import { cacheMetrics, cacheObserver } from './observe.ts'
import { VERSION } from './version.ts'

/** What the cache stands on. */
export interface CacheGround extends RedisGround {
  readonly db: Database
  readonly journal: Journal
  readonly metrics: Metrics
  readonly clock: Clock
  readonly secret: InstallationSecret['derive']
}

/** The cache of the program. */
export interface OpenCache {
  readonly cache: Cache
  /** What processes share beside it, each thing by a version of its own; absent without Redis. */
  readonly shared?: SharedEntries
  /** Resolves when nothing is given that is older than what was committed before the call; after {@link CATCH_UP_LIMIT_MS} in any case. Never rejects. */
  caughtUp(): Promise<void>
}

/** The longest life of an entry. */
const MAX_TTL_MS = 3_600_000
/** How long a process may stay the only one that loads, and how long others wait for it: a read takes milliseconds. */
const LEASE = { leaseMs: 2_000, leaseWaitMs: 250 }
/** Without a hint. On PGlite there is nobody else who could write. */
const POLL_MS = { postgres: 500, pglite: 60_000 }
const CATCH_UP_LIMIT_MS = 1_000

/** Opens what the rooms read through: memory, and Redis when there is one. Every commit in the journal drops what it changed. */
export async function openCache(
  config: Pick<Config, 'redisUrl' | 'cacheBytes'>,
  ground: CacheGround,
  resources: Resources,
): Promise<OpenCache> {
  const { clock, db, journal, log, metrics, secret } = ground
  const redis = config.redisUrl === null ? null : await connectRedis(config.redisUrl, 'the cache', ground, resources)
  const life = redis && (await db.admin(databaseIncarnation))
  // Installations that share a Redis do not share answers, and neither does a database with what it was before it was put back from a backup.
  const prefix = `stoa:cache:${nameOf(secret('cache/prefix', 9), life)}:`
  const observe = cacheObserver(metrics, log)
  const cache = createCache(
    { memoryBytes: config.cacheBytes, maxTtlMs: MAX_TTL_MS, schema: VERSION, redis: { prefix, ...LEASE } },
    { clock, observe, bypass: () => db.inTransaction(), ...(redis && { redis }) },
  )
  resources.use(cache, 'cache')
  cacheMetrics(metrics, cache)
  const drops = dropFromJournal(cache, journal, { pollMs: POLL_MS[db.engine], tagsOf })
  await resources.use(drops, 'drops of the cache').ready
  // Many are read at once, which a Cluster does in one slot.
  const own = `{stoa:shared:${nameOf(secret('cache/shared', 9), life)}}:`
  const shared = redis && { shared: createSharedEntries({ prefix: own }, { redis, clock, observe }) }
  if (shared) resources.use(shared.shared, 'shared entries')
  return {
    cache,
    ...shared,
    async caughtUp() {
      const over = new AbortController()
      try {
        await Promise.race([drops.caughtUp(), clock.sleep(CATCH_UP_LIMIT_MS, over.signal)])
      } catch (err) {
        log.warn({ err }, 'the cache could not catch up')
      } finally {
        over.abort('over')
      }
    },
  }
}

function nameOf(key: Buffer, life: string | null): string {
  return createHmac('sha256', key)
    .update(life ?? '')
    .digest('base64url')
    .slice(0, 12)
}

/** Nothing is cached of a tenant as a whole: counting its clicks changes nothing that is. */
function tagsOf(event: Parameters<typeof subjectTags>[0]): readonly string[] {
  return subjectTags({ ...event, subjects: event.subjects.filter((subject) => !subject.startsWith('tenant:')) })
}
