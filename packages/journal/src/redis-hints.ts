// The entry `@stoa/journal/redis`: whoever has no Redis does not load its client.

import { backoffMs, type Clock, type Logger, OutageLog } from '@stoa/kernel'
import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import type { HintTransport } from './hints.ts'

/** Options of {@link redisTransport}. */
export interface RedisTransportOptions {
  /** `redis://` or `rediss://` URL; any other that `connect` reads. */
  readonly url: string
  /** One per installation that shares the Redis. Default `stoa:hints`. */
  readonly channel?: string
  /** Makes a connection; for Sentinels and for a Cluster. Default: to the one server of the URL. */
  readonly connect?: (url: string, settings: RedisSettings) => Redis | Cluster
}

/** How a connection of hints behaves. */
export type RedisSettings = Pick<
  RedisOptions,
  'autoResubscribe' | 'enableOfflineQueue' | 'maxRetriesPerRequest' | 'retryStrategy'
>

/**
 * Hints over Redis or Valkey pub/sub, on two connections of its own: one that subscribed can do nothing else. Both
 * connect in the background and connect again by themselves, so a Redis that is down delays and stops nobody.
 */
export function redisTransport(options: RedisTransportOptions, deps: OutageDeps): HintTransport {
  const { channel = 'stoa:hints', connect = (url, settings) => new Redis(url, settings), url } = options
  const retryStrategy = (attempt: number): number => backoffMs(attempt, 50, 5_000)
  const settings = { retryStrategy, autoResubscribe: false } satisfies RedisSettings
  // A hint is worth nothing when it is late: while there is no connection it fails at once instead of waiting in
  // memory.
  const publisher = connect(url, { ...settings, enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  const connections: (Redis | Cluster)[] = [publisher]
  const tell = (connection: Redis | Cluster, role: string): void => {
    tellOutages(connection, 'hints', { ...deps, log: deps.log.child({ role, channel }) })
  }
  tell(publisher, 'publisher')

  return {
    async send(message) {
      await publisher.publish(channel, message)
    },
    async receive(onMessage, onGap) {
      const subscriber = connect(url, { ...settings, maxRetriesPerRequest: null })
      connections.push(subscriber)
      tell(subscriber, 'subscriber')
      subscriber.on('message', (_channel: string, message: string) => onMessage(message))
      // Every time it is ready, the first included: what was published before that was not heard.
      subscriber.on('ready', () => {
        subscriber
          .subscribe(channel)
          .then(onGap, (err: unknown) => deps.log.warn({ err }, 'Redis: subscribing again failed'))
      })
      return {
        async [Symbol.asyncDispose]() {
          subscriber.disconnect()
        },
      }
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.disconnect()
    },
  }
}

/** Where {@link tellOutages} tells. */
export interface OutageDeps {
  readonly log: Logger
  /** Default: that of the machine. */
  readonly clock?: Clock
}

/**
 * Tells the log when a connection goes away and when it is back. Each that is held belongs here: without a listener a
 * client writes every error to the terminal.
 *
 * @param use what it is for: `limits`
 */
export function tellOutages(connection: Redis | Cluster, use: string, deps: OutageDeps): void {
  const name = `Redis: the connection for ${use}`
  const outages = new OutageLog(
    { away: `${name} is away`, still: `${name} is still away`, back: `${name} is back` },
    deps,
  )
  connection.on('error', (err) => outages.failed(err))
  connection.on('ready', () => outages.worked())
}
