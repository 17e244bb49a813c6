import { defineRoute, IdParams } from '@stoa/http'
import { TaskHeartbeat, TaskLease } from '../schema.ts'
import type { TaskWork } from '../task-work.ts'

/** `POST /api/v1/tasks/{id}/heartbeat` */
export function heartbeatTask(work: TaskWork) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/tasks/:id/heartbeat',
    operationId: 'heartbeatTask',
    tags: ['External workers'],
    summary: 'Say that a task is still worked on',
    description:
      'Makes the lease as long from now on as it was at first, up to `endsAt`; says how far the task is to those who follow it; and answers whether somebody wants it to be cancelled. Send it three times per lease. 409: the attempt is not yours any more, stop.',
    permission: 'jobs:work',
    rateLimit: { capacity: 500, refillPerSecond: 100 },
    errors: ['job_not_found', 'job_attempt_stale'],
    schema: { params: IdParams, body: TaskHeartbeat, response: { 200: TaskLease } },
    handler(ctx, { body: { attempt, progress }, params: { id } }) {
      const { fraction = 0, note = null } = progress ?? {}
      return work.heartbeat(ctx, { id, attempt }, progress && { fraction, note })
    },
  })
}
