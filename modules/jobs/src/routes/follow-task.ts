import { defineRoute, EVENT_STREAM, IdParams } from '@stoa/http'
import type { Ctx } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import { Type } from 'typebox'
import { FINAL_EVENTS, pastOf } from '../task-past.ts'
import type { Tasks } from '../tasks.ts'
import { FollowQuery, LastEventId } from './follow-query.ts'

const DESCRIPTION = `Server-sent events: what has happened to the task, then what comes, as it happens. After the last event (\`task.done\`, \`task.dead\`, \`task.cancelled\`) the answer ends.
Each message is a JSON object with a \`type\`:

| type | |
| --- | --- |
| \`event\` | \`event\`: its \`type\` (\`task.queued\`, \`task.started\`, \`task.progress\`, \`task.failed\` …), \`data\`, \`at\`, \`position\` |
| \`resync\` | the \`Last-Event-ID\` is none that was given out here: everything comes again |
| \`close\` | why the answer ends, when it is not the task's end |

The \`id\` of a message is a position: send the last one as \`Last-Event-ID\` to go on from there without a gap and without a repeat, on any node; of progress that was missed, the newest is told.
Whoever has seen the end gets 204, and need not come back. A comment comes every 15 seconds.`

/** `GET /api/v1/tasks/{id}/events` */
export function followTask(tasks: Tasks, journal: Columns['journal'], realtime: Columns['realtime']) {
  const deps = { journal, taskById: (ctx: Ctx, id: string) => tasks.taskById(ctx, id) }
  return defineRoute({
    method: 'GET',
    url: '/api/v1/tasks/:id/events',
    operationId: 'followTask',
    tags: ['Tasks'],
    summary: 'Follow a task',
    description: DESCRIPTION,
    permission: 'jobs:read',
    errors: ['job_not_found', 'too_many_connections'],
    schema: {
      params: IdParams,
      querystring: FollowQuery,
      headers: LastEventId,
      response: {
        200: {
          description: 'Messages, until the task ends.',
          content: { [EVENT_STREAM]: { schema: Type.String() } },
        },
        204: Type.Null({ description: 'The task has ended, and nothing came after the last message.' }),
      },
    },
    async handler(ctx, { headers, params, query }, reply) {
      const task = await tasks.taskById(ctx, params.id)
      const answer = await realtime.story(ctx, reply, {
        channels: [`task:${task.id}`],
        lastEventId: headers['last-event-id'] ?? query.position,
        permission: 'jobs:read',
        past: () => pastOf(deps, ctx, task),
        until: FINAL_EVENTS,
        follow: query.follow,
      })
      if (answer === null) reply.code(204)
      return answer
    },
  })
}
