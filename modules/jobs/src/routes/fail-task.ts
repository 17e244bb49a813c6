import { defineRoute, IdParams } from '@stoa/http'
import { FailedAttempt, Task } from '../schema.ts'
import type { TaskWork } from '../task-work.ts'

/** `POST /api/v1/tasks/{id}/failure` */
export function failTask(work: TaskWork) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/tasks/:id/failure',
    operationId: 'failTask',
    tags: ['External workers'],
    summary: 'Say that an attempt at a task has failed',
    description:
      'It is tried again as its kind says, or after `retryAfterSeconds`; with `retry: false` it is given up; one that was to be cancelled is. Answers what became of it. 409: the attempt is not yours any more, and nothing has changed.',
    permission: 'jobs:work',
    rateLimit: { capacity: 1_000, refillPerSecond: 200 },
    errors: ['job_not_found', 'job_attempt_stale'],
    schema: { params: IdParams, body: FailedAttempt, response: { 200: Task } },
    handler(ctx, { body: { attempt, retryAfterSeconds, ...failure }, params: { id } }) {
      const again = retryAfterSeconds === undefined ? {} : { retryAfterMs: retryAfterSeconds * 1_000 }
      return work.fail(ctx, { id, attempt }, { ...failure, ...again })
    },
  })
}
