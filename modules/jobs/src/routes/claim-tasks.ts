import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { ClaimedTask, TaskClaim } from '../schema.ts'
import type { TaskWork } from '../task-work.ts'

const DESCRIPTION = `Gives tasks that nobody else has, the oldest first; when there is none, waits for one for up to \`waitSeconds\`. An empty list means: ask again.
Whoever claims a task holds it until \`leaseUntil\`, and longer by heartbeats. Say how it ended by \`completion\` or \`failure\`, always with its \`attempt\`. Of a worker that is silent the task is taken back within 15 seconds after that, and given to another one as a new attempt; what the first one says of it then is refused.
When the answer is lost, send the claim again with the same \`claimKey\`: it gives what it gave before. Without one, such a task comes again when its lease has run out.`

/** `POST /api/v1/task-claims` */
export function claimTasks(work: TaskWork) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/task-claims',
    operationId: 'claimTasks',
    tags: ['External workers'],
    summary: 'Claim tasks to work on',
    description: DESCRIPTION,
    permission: 'jobs:work',
    waits: true,
    rateLimit: { capacity: 200, refillPerSecond: 100 },
    errors: ['job_kind_unknown', 'too_many_connections'],
    schema: {
      body: TaskClaim,
      response: { 200: Type.Object({ data: Type.Array(ClaimedTask) }, { title: 'ClaimedTasks' }) },
    },
    async handler(ctx, { body }) {
      const jobs = await work.claim(ctx, body)
      return { data: jobs.map(({ enqueuedAt, ...job }) => ({ ...job, createdAt: enqueuedAt })) }
    },
  })
}
