export type { Position } from './position.ts'
export {
  type ChannelHandlers,
  type ChannelMap,
  type ChannelSubscription,
  createRealtimeClient,
  type RealtimeClient,
  type RealtimeClientOptions,
  type RealtimeState,
} from './realtime.ts'
export { type ChannelEvent, RealtimeError } from './wire.ts'
