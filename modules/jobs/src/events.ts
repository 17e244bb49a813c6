import { defineEvent } from '@stoa/journal'
import { Type } from 'typebox'
import { Failure } from './schema.ts'

const ofTask = {
  kind: Type.String({ description: 'What kind of task it is: `links.import`.' }),
  attempt: Type.Integer({ minimum: 0, description: 'Which attempt it is about; 0: none has begun.' }),
}
const Time = Type.String({ format: 'date-time' })

/** A task waits to be run: a new one, or one that was made new. Subject of this and all others: `task:<id>`. */
export const taskQueued = defineEvent({
  type: 'task.queued',
  version: 1,
  description: 'A task waits to be run.',
  data: Type.Object(ofTask),
})

/** An attempt has begun. */
export const taskStarted = defineEvent({
  type: 'task.started',
  version: 1,
  description: 'An attempt at a task has begun.',
  data: Type.Object(ofTask),
})

/** How far it is. At most four a second. */
export const taskProgressed = defineEvent({
  type: 'task.progress',
  version: 1,
  description: 'A task says how far it is.',
  data: Type.Object({
    ...ofTask,
    fraction: Type.Number({ minimum: 0, maximum: 1 }),
    note: Type.Union([Type.String(), Type.Null()]),
  }),
})

/** It is done. */
export const taskDone = defineEvent({
  type: 'task.done',
  version: 1,
  description: 'A task is done.',
  data: Type.Object({
    ...ofTask,
    result: Type.Unknown({ description: 'null when there is none.' }),
    resultOmitted: Type.Boolean({ description: 'The result is too large for an event: `GET /tasks/{id}` has it.' }),
  }),
})

/** An attempt has failed, and there will be another. */
export const taskFailed = defineEvent({
  type: 'task.failed',
  version: 1,
  description: 'An attempt at a task has failed; there will be another.',
  data: Type.Object({ ...ofTask, failure: Failure, retryAt: Time }),
})

/** It was put off without having failed. */
export const taskSnoozed = defineEvent({
  type: 'task.snoozed',
  version: 1,
  description: 'A task was put off, without having failed.',
  data: Type.Object({ ...ofTask, retryAt: Time }),
})

/** It is given up: a dead letter. */
export const taskDead = defineEvent({
  type: 'task.dead',
  version: 1,
  description: 'A task is given up, until somebody makes it new.',
  data: Type.Object({ ...ofTask, failure: Failure }),
})

/** It was cancelled. */
export const taskCancelled = defineEvent({
  type: 'task.cancelled',
  version: 1,
  description: 'A task was cancelled.',
  data: Type.Object({ ...ofTask, failure: Failure }),
})

/** All events of tasks. */
export const taskEvents = [
  taskQueued,
  taskStarted,
  taskProgressed,
  taskDone,
  taskFailed,
  taskSnoozed,
  taskDead,
  taskCancelled,
]

/** A kind of task was declared, or changed. Subject of this and the next: `task_kind:<kind>`. */
export const taskKindDeclared = defineEvent({
  type: 'task_kind.declared',
  version: 1,
  description: 'A kind of task for workers outside was declared, or changed.',
  data: Type.Object({ version: Type.Integer({ minimum: 1, description: '1: it is new.' }) }),
})

/** A kind of task was removed. */
export const taskKindRemoved = defineEvent({
  type: 'task_kind.removed',
  version: 1,
  description: 'A kind of task for workers outside was removed.',
  data: Type.Object({}),
})
