import { defineRoute, IdParams } from '@stoa/http'
import { Task } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** `GET /api/v1/tasks/{id}` */
export function getTask(tasks: Tasks) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/tasks/:id',
    operationId: 'getTask',
    tags: ['Tasks'],
    summary: 'Get a task',
    description: 'Finished tasks can be seen for a day to 30 days, as their kind and how they ended say.',
    permission: 'jobs:read',
    errors: ['job_not_found'],
    schema: { params: IdParams, response: { 200: Task } },
    handler: (ctx, { params }) => tasks.taskById(ctx, params.id),
  })
}
