import { defineRoute, IdParams } from '@stoa/http'
import { Task } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** `POST /api/v1/tasks/{id}/cancellation` */
export function cancelTask(tasks: Tasks) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/tasks/:id/cancellation',
    operationId: 'cancelTask',
    tags: ['Tasks'],
    summary: 'Cancel a task',
    description:
      'One that waits is cancelled at once. One that runs is asked to stop (`cancelRequested`), and may still end in another way.',
    permission: 'jobs:write',
    errors: ['job_not_found', 'job_finished'],
    schema: { params: IdParams, response: { 200: Task } },
    handler: (ctx, { params }) => tasks.cancelTask(ctx, params.id),
  })
}
