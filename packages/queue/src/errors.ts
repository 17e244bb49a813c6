import { defineErrors } from '@stoa/kernel'

/** What the queue refuses. */
export const queueErrors = defineErrors({
  job_kind_unknown: { kind: 'not_found', message: 'There is no job of this kind.' },
  job_input_invalid: { kind: 'invalid', message: 'The input does not fit this kind of job.' },
  job_input_too_large: { kind: 'too_large', message: 'The input is larger than this kind of job allows.' },
  job_not_found: { kind: 'not_found', message: 'There is no such job.' },
  job_attempt_stale: {
    kind: 'conflict',
    message: 'This attempt of the job is over: it was cancelled, finished, or given to another worker.',
  },
  job_result_too_large: { kind: 'too_large', message: 'The result is larger than 262144 bytes as JSON.' },
  job_finished: { kind: 'conflict', message: 'The job is finished.' },
  job_not_finished: { kind: 'conflict', message: 'The job is not finished.' },
  job_schedule_invalid: { kind: 'invalid', message: 'The schedule cannot be read, or never comes.' },
  job_schedule_not_found: { kind: 'not_found', message: 'There is no such schedule.' },
  queue_closed: { kind: 'unavailable', message: 'The queue is closing and takes no more jobs.' },
})
