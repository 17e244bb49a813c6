import type { Route } from '@stoa/http'
import type { Realtime } from '../realtime.ts'
import { listChannels } from './list-channels.ts'
import { streamEvents } from './stream-events.ts'

/** The operations of this package. */
export function realtimeRoutes(realtime: Realtime): readonly Route[] {
  return [listChannels(realtime), streamEvents(realtime)]
}
