import { type ApiKeys, authenticate } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import type { Clock, Logger, Resources } from '@stoa/kernel'
import type { Store } from '@stoa/limiter'
import { createRealtime, type Realtime } from '@stoa/realtime'
import type { Metrics } from '@stoa/telemetry'
import type { Config } from './config/config.ts'
import { channels } from './manifest.ts'
import { realtimeMetrics } from './observe.ts'

/** What realtime stands on here. */
interface RealtimeGround {
  readonly journal: Journal
  readonly apiKeys: ApiKeys
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
  readonly limitStore?: Store
}

/** Channels for those who hold an API key. A key that is changed or revoked is looked at again at once. */
export function openRealtime({ realtime }: Config, ground: RealtimeGround, resources: Resources): Realtime {
  const { apiKeys, metrics, ...own } = ground
  const opened = resources.use(
    createRealtime(realtime, {
      ...own,
      channels,
      authenticate: (credentials) => authenticate([apiKeys.scheme], credentials),
    }),
    'realtime',
  )
  apiKeys.onChange((id) => opened.actorChanged(id))
  realtimeMetrics(metrics, opened)
  return opened
}
