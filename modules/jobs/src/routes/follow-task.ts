import { defineRoute, EVENT_STREAM, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { TaskStreams } from '../task-streams.ts'
import { FollowQuery, LastEventId } from './follow-query.ts'

const DESCRIPTION = `Server-sent events: what has happened to the task, then what comes, as it happens. After the last event (\`task.done\`, \`task.dead\`, \`task.cancelled\`) the answer ends.
Each message is a JSON object with a \`type\`:

| type | |
| --- | --- |
| \`event\` | \`event\`: its \`type\` (\`task.queued\`, \`task.started\`, \`task.progress\`, \`task.failed\` …), \`data\`, \`at\`, \`position\` |
| \`resync\` | the \`Last-Event-ID\` is none that was given out here: everything comes again |
| \`close\` | why the answer ends, when it is not the task's end |

The \`id\` of a message is a position: send the last one as \`Last-Event-ID\` to go on from there without a gap and without a repeat, on any node; of progress that was missed, the newest is told.
Whoever has seen the end gets 204, and need not come back. A comment comes every 15 seconds. After ten minutes the answer ends; come back then.`

/** `GET /api/v1/tasks/{id}/events` */
export function followTask(streams: TaskStreams) {
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
      const lastEventId = headers['last-event-id'] ?? query.position
      const request = { id: params.id, lastEventId, follow: query.follow }
      if (await streams.open(ctx, reply, request)) return ''
      reply.code(204)
      return null
    },
  })
}
