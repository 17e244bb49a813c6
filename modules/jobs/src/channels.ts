import { defineChannel } from '@stoa/realtime'
import { taskEvents } from './events.ts'

const events = taskEvents.map(({ type }) => type)

/** Where tasks can be followed. */
export const taskChannels = [
  defineChannel({
    pattern: 'tasks',
    description: 'What happens to all tasks.',
    permission: 'jobs:read',
    events,
  }),
  defineChannel({
    pattern: 'task:{id}',
    description:
      'What happens to one task, from now on. `GET /api/v1/tasks/{id}/events` begins with what has happened.',
    permission: 'jobs:read',
    events,
  }),
]
