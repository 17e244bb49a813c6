import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { redisAddress } from './config/redis.ts'

/** How a client behaves. */
export type RedisSettings = Pick<
  RedisOptions,
  | 'autoResubscribe'
  | 'commandTimeout'
  | 'connectTimeout'
  | 'enableOfflineQueue'
  | 'lazyConnect'
  | 'maxRetriesPerRequest'
  | 'retryStrategy'
>

/** A server that is gone with its machine closes no connection. In milliseconds without an answer. */
const SILENT_MS = 10_000

/** A client of one server, of whichever a Sentinel names, or of a Cluster. */
export type RedisClient = Redis | Cluster

/**
 * Makes a client of what `REDIS_URL` says; the settings are those of one server, and are carried over to the others.
 *
 * @throws Error when the URL means nothing; the configuration has looked at it before
 */
export function redisClient(url: string, settings: RedisSettings): RedisClient {
  const address = redisAddress(url)
  if (address === null) throw new Error('the URL of Redis means nothing')
  if (address.kind === 'server') return new Redis(url, { ...settings, socketTimeout: SILENT_MS })
  const { tls } = address
  const server = { ...settings, socketTimeout: SILENT_MS, ...address.credentials, ...(tls && { tls: {} }) }
  if (address.kind === 'sentinel') {
    const { sentinelCredentials: own } = address
    return new Redis({
      ...server,
      ...{ sentinels: [...address.sentinels], name: address.name, db: address.database },
      ...(own.username !== undefined && { sentinelUsername: own.username }),
      ...(own.password !== undefined && { sentinelPassword: own.password }),
      ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
      ...(settings.retryStrategy && { sentinelRetryStrategy: settings.retryStrategy }),
    })
  }
  const { enableOfflineQueue, lazyConnect, retryStrategy, ...each } = server
  return new Cluster([...address.nodes], {
    redisOptions: each,
    ...(enableOfflineQueue !== undefined && { enableOfflineQueue }),
    ...(lazyConnect !== undefined && { lazyConnect }),
    ...(retryStrategy && {
      clusterRetryStrategy: retryStrategy as NonNullable<ClusterOptions['clusterRetryStrategy']>,
    }),
    // Certificates are for names: a name stays one, and is not looked up first.
    ...(tls && { dnsLookup: (name, found) => found(null, name) }),
  })
}
