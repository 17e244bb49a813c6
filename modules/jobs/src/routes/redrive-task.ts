import { defineRoute, IdParams } from '@stoa/http'
import { Task } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** `POST /api/v1/tasks/{id}/redrive` */
export function redriveTask(tasks: Tasks) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/tasks/:id/redrive',
    operationId: 'redriveTask',
    tags: ['Tasks'],
    summary: 'Make a task new that was given up or cancelled',
    description: 'It keeps its id and its input, and counts its attempts on. Needs the permission of its kind too.',
    permission: 'jobs:write',
    errors: ['job_not_found', 'job_finished', 'job_not_finished'],
    schema: { params: IdParams, response: { 200: Task } },
    handler: (ctx, { params }) => tasks.redriveTask(ctx, params.id),
  })
}
