import { defineChannel } from '@stoa/realtime'
import { messageEvents } from './events.ts'

const events = messageEvents.map(({ type }) => type)

/** Where mail can be followed. */
export const mailChannels = [
  defineChannel({
    pattern: 'mail',
    description: 'What becomes of all mail.',
    permission: 'mail:read',
    events,
  }),
  defineChannel({
    pattern: 'mail:{id}',
    description: 'What becomes of one message.',
    permission: 'mail:read',
    events,
  }),
]
