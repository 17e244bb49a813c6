import { defineRoute, IdParams } from '@stoa/http'
import { Task } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** `POST /api/v1/tasks/{id}/retry` */
export function retryTask(tasks: Tasks) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/tasks/:id/retry',
    operationId: 'retryTask',
    tags: ['Tasks'],
    summary: 'Run a task now that waits for its next attempt',
    description: 'One that is about to run anyway stays as it is. Needs the permission of its kind too.',
    permission: 'jobs:write',
    errors: ['job_not_found', 'job_finished'],
    schema: { params: IdParams, response: { 200: Task } },
    handler: (ctx, { params }) => tasks.retryTask(ctx, params.id),
  })
}
