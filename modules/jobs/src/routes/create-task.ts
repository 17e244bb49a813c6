import { defineRoute } from '@stoa/http'
import { NewTask, Task } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** The largest input of a kind is smaller; this is what is read of a body at all. */
const BODY_LIMIT_BYTES = 4 * 1_024 * 1_024

/** `POST /api/v1/tasks` */
export function createTask(tasks: Tasks) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/tasks',
    operationId: 'createTask',
    tags: ['Tasks'],
    summary: 'Ask for work that takes long',
    description:
      'The answer comes at once; the work is done soon, at least once, also when a machine dies. Follow it at `/tasks/{id}/events`, or look at `/tasks/{id}`. The kind of task may need a permission of its own.',
    permission: 'jobs:write',
    bodyLimitBytes: BODY_LIMIT_BYTES,
    errors: ['job_kind_unknown', 'job_input_invalid', 'job_input_too_large'],
    schema: { body: NewTask, response: { 202: Task } },
    async handler(ctx, { body }, reply) {
      const task = await tasks.createTask(ctx, body)
      reply.header('location', `/api/v1/tasks/${task.id}`)
      return task
    },
  })
}
