// The entry `@stoa/journal/redis`: whoever has no Redis does not load its client.

import { backoffMs, type Logger } from '@stoa/kernel'
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
export function redisTransport(options: RedisTransportOptions, deps: { readonly log: Logger }): HintTransport {
  const { channel = 'stoa:hints', connect = (url, settings) => new Redis(url, settings), url } = options
  const retryStrategy = (attempt: number): number => backoffMs(attempt, 50, 5_000)
  const settings = { retryStrategy, autoResubscribe: false } satisfies RedisSettings
  // A hint is worth nothing when it is late: while there is no connection it fails at once instead of waiting in
  // memory.
  const publisher = connect(url, { ...settings, enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  const connections: (Redis | Cluster)[] = [publisher]
  const watch = (connection: Redis | Cluster, role: string): void => {
    connection.on('error', (err) => deps.log.warn({ err, role }, 'Redis: the connection for hints is in trouble'))
  }
  watch(publisher, 'publisher')

  return {
    async send(message) {
      await publisher.publish(channel, message)
    },
    async receive(onMessage, onGap) {
      const subscriber = connect(url, { ...settings, maxRetriesPerRequest: null })
      connections.push(subscriber)
      watch(subscriber, 'subscriber')
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
