import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import { TaskCompletion } from '../schema.ts'
import type { TaskWork } from '../task-work.ts'

/** `POST /api/v1/tasks/{id}/completion` */
export function completeTask(work: TaskWork) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/tasks/:id/completion',
    operationId: 'completeTask',
    tags: ['External workers'],
    summary: 'Say that a task is done',
    description:
      'With its result. 409: the attempt is not yours any more, and nothing has changed. Send it with an `Idempotency-Key` (such as id and attempt) to be able to send it again when the answer is lost.',
    permission: 'jobs:work',
    rateLimit: { capacity: 1_000, refillPerSecond: 200 },
    errors: ['job_not_found', 'job_attempt_stale', 'job_result_too_large'],
    schema: { params: IdParams, body: TaskCompletion, response: { 204: Type.Null() } },
    async handler(ctx, { body: { attempt, result }, params: { id } }) {
      await work.complete(ctx, { id, attempt }, result)
      return null
    },
  })
}
