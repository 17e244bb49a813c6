import type { Database } from '@stoa/db'
import { type ApiKeys, type AuthScheme, authenticate } from '@stoa/http'
import { type HintTransport, type Journal, notifyTransport } from '@stoa/journal'
import type { Clock, Logger, Resources } from '@stoa/kernel'
import type { Store } from '@stoa/limiter'
import { type ChannelKind, createRealtime, type Realtime } from '@stoa/realtime'
import type { Health, Metrics } from '@stoa/telemetry'
import type { Config } from './config/config.ts'
import type { InstallationSecret } from './config/secrets.ts'
import { channels } from './manifest.ts'
import { realtimeCheck, realtimeMetrics } from './observe.ts'

/** What realtime stands on here. */
interface RealtimeGround {
  readonly db: Database
  readonly journal: Journal
  readonly secret: InstallationSecret['derive']
  readonly apiKeys: ApiKeys
  /** How callers prove who they are; the rooms add theirs when they open. */
  readonly schemes: readonly AuthScheme[]
  /** What refuses channels, by their pattern; the rooms add theirs when they open. */
  readonly admits: ReadonlyMap<string, NonNullable<ChannelKind['admit']>>
  readonly metrics: Metrics
  readonly health: Health
  readonly log: Logger
  readonly clock: Clock
  readonly limitStore?: Store
}

/** Channels for those who hold credentials. Whoever loses them is looked at again at once. */
export async function openRealtime(config: Config, ground: RealtimeGround, resources: Resources): Promise<Realtime> {
  const { admits, apiKeys, clock, health, journal, limitStore, log, metrics, schemes } = ground
  const presence = await presenceTransport(config, ground)
  const opened = resources.use(
    createRealtime(config.realtime, {
      ...{ clock, journal, log },
      ...(limitStore && { limitStore }),
      ...(presence && { presence }),
      channels: channels.map((kind) => ({ ...kind, admit: (ctx, params) => admits.get(kind.pattern)?.(ctx, params) })),
      authenticate: (credentials) => authenticate(schemes, credentials),
    }),
    'realtime',
  )
  apiKeys.onChange((id) => opened.actorChanged(id))
  realtimeMetrics(metrics, opened)
  realtimeCheck(health, opened, config.realtime.maxConnections)
  return opened
}

/** Where processes tell each other who is in a channel: as the hints go, on a channel of its own. */
async function presenceTransport(
  { redisUrl }: Config,
  { db, log, secret }: RealtimeGround,
): Promise<HintTransport | null> {
  if (redisUrl !== null) {
    const { redisTransport } = await import('@stoa/journal/redis')
    const channel = `stoa:presence:${secret('presence/channel', 9).toString('base64url')}`
    const { redisClient } = await import('./redis-client.ts')
    return redisTransport({ url: redisUrl, channel, connect: redisClient }, { log })
  }
  return db.engine === 'postgres' ? notifyTransport(db, 'stoa_presence') : null
}
