import { defineErrors } from '@stoa/kernel'

/** What realtime refuses. Over HTTP as a problem; over a WebSocket as an `error` message, or as the reason of a close. */
export const realtimeErrors = defineErrors({
  channel_unknown: { kind: 'not_found', message: 'There is no channel of this name.' },
  channel_silent: { kind: 'method_not_allowed', message: 'This channel takes no messages.' },
  channel_not_joined: { kind: 'conflict', message: 'Subscribe to the channel first.' },
  channel_joined: { kind: 'conflict', message: 'This connection follows the channel already.' },
  too_many_channels: { kind: 'conflict', message: 'This connection follows as many channels as it may.' },
  too_many_connections: { kind: 'rate_limited', message: 'Too many open connections. Close some, or come back later.' },
  frame_malformed: { kind: 'malformed', message: 'A message is a JSON object of a known type, in one text frame.' },
})
