import { defineChannel } from '@stoa/realtime'
import { linkArchived, linkCreated, linkRestored, linkUpdated } from './events.ts'

const events = [linkCreated, linkUpdated, linkArchived, linkRestored].map(({ type }) => type)

/** Where the events of links can be followed. Each shows the link after the change, complete. */
export const linkChannels = [
  defineChannel({
    pattern: 'links',
    description: 'Every link that is made, changed, archived or restored.',
    permission: 'links:read',
    events,
  }),
  defineChannel({
    pattern: 'link:{id}',
    description: 'What happens to one link.',
    permission: 'links:read',
    events,
  }),
]
