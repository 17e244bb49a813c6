import { defineRoute, PageOf } from '@stoa/http'
import { Task, TaskQuery } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** `GET /api/v1/tasks` */
export function listTasks(tasks: Tasks) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/tasks',
    operationId: 'listTasks',
    tags: ['Tasks'],
    summary: 'List tasks',
    description: 'The newest first. Filters are combined.',
    permission: 'jobs:read',
    list: { sorts: ['-createdAt'] },
    schema: { querystring: TaskQuery, response: { 200: PageOf(Task) } },
    async handler(ctx, { page, query }) {
      const found = await tasks.taskList(ctx, {
        limit: page.limit + 1,
        ...(query.state !== undefined && { states: query.state }),
        ...(query.kind !== undefined && { kind: query.kind }),
        ...(page.after && { before: String(page.after[0]) }),
      })
      return page.of(found, ({ id }) => [id])
    },
  })
}
