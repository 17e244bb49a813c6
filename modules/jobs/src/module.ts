import { defineModule } from '@stoa/module'
import { taskChannels } from './channels.ts'
import { taskEvents } from './events.ts'
import { openRoom } from './room.ts'

export { announceTasks } from './announce.ts'

/** Tasks: work that takes long, asked for over HTTP, followed as it happens. */
export const jobsModule = defineModule({
  name: 'jobs',
  description: 'Tasks: work that takes long, asked for over HTTP, followed as it happens.',
  migrations: { owner: 'jobs', migrations: [] },
  permissions: {
    'jobs:read': 'See tasks and follow them.',
    'jobs:write': 'Ask for tasks, cancel, retry and redrive them. What a kind of task does may need more.',
  },
  events: taskEvents,
  channels: taskChannels,
  errors: {},
  tables: {},
  create: openRoom,
})
