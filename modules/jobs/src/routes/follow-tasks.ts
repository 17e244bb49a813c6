import { defineRoute, EVENT_STREAM } from '@stoa/http'
import type { Columns } from '@stoa/module'
import { Type } from 'typebox'
import { FollowQuery, LastEventId } from './follow-query.ts'

/** `GET /api/v1/tasks/events` */
export function followTasks(realtime: Columns['realtime']) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/tasks/events',
    operationId: 'followTasks',
    tags: ['Tasks'],
    summary: 'Follow all tasks',
    description:
      'Server-sent events: what happens to all tasks from now on, or from `Last-Event-ID`. The same as `GET /api/v1/events?channels=tasks`: that says what the messages are.',
    permission: 'jobs:read',
    errors: ['too_many_connections'],
    schema: {
      querystring: FollowQuery,
      headers: LastEventId,
      response: {
        200: {
          description: 'Messages, until one side ends it.',
          content: { [EVENT_STREAM]: { schema: Type.String() } },
        },
      },
    },
    handler(ctx, { headers, query }, reply) {
      const lastEventId = headers['last-event-id'] ?? query.position
      const options = { channels: ['tasks'], lastEventId, permission: 'jobs:read', follow: query.follow }
      return realtime.stream(ctx, reply, options)
    },
  })
}
