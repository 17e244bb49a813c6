import { defineModule } from '@stoa/module'
import { taskChannels } from './channels.ts'
import { jobsErrors } from './errors.ts'
import { taskEvents, taskKindDeclared, taskKindRemoved } from './events.ts'
import { jobsMigrations } from './migrations/index.ts'
import { openRoom } from './room.ts'

export { announceTasks } from './announce.ts'

/** Tasks: work that takes long, asked for over HTTP, followed as it happens. */
export const jobsModule = defineModule({
  name: 'jobs',
  description: 'Tasks: work that takes long, asked for over HTTP, followed as it happens.',
  migrations: jobsMigrations,
  permissions: {
    'jobs:read': 'See tasks and follow them.',
    'jobs:write': 'Ask for tasks, cancel, retry and redrive them. What a kind of task does may need more.',
    'jobs:work': 'Declare kinds of tasks, claim their tasks from outside and say how they ended.',
  },
  events: [...taskEvents, taskKindDeclared, taskKindRemoved],
  channels: taskChannels,
  errors: jobsErrors,
  tags: {
    Tasks: 'Work that takes long: asked for here, carried out in the background, and followed as it happens.',
    'External workers':
      'For programs that carry tasks out themselves, in any language: they declare kinds, claim tasks and say how they ended.',
  },
  tables: { task_kinds: 'A kind of task that workers outside run.' },
  create: openRoom,
})
