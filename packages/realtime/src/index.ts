export {
  type Channel,
  type ChannelKind,
  type ChannelMessage,
  type ChannelMessages,
  type ChannelParams,
  defineChannel,
} from './channel.ts'
export { realtimeErrors } from './errors.ts'
export type { GuestCounts } from './guests.ts'
export type { HubCounts } from './hub.ts'
export type { RealtimeOptions } from './options.ts'
export { CLOSES, type CloseCode } from './protocol.ts'
export {
  createRealtime,
  type Past,
  type Realtime,
  type RealtimeDeps,
  type RealtimeStatus,
  realtimePermissions,
  realtimeTags,
  type StoryOptions,
  type StreamOptions,
} from './realtime.ts'
export type { ResyncReason } from './resume.ts'
