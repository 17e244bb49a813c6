import { defineErrors } from '@stoa/kernel'

/** What the room refuses, besides what the queue does. */
export const jobsErrors = defineErrors({
  task_kind_taken: { kind: 'conflict', message: 'This kind of task is one of the program itself.' },
  too_many_task_kinds: { kind: 'conflict', message: 'No more than 1000 kinds of tasks can be declared.' },
})
