import type { Static } from 'typebox'
import type * as schema from './schema.ts'

export {
  taskCancelled,
  taskDead,
  taskDone,
  taskEvents,
  taskFailed,
  taskProgressed,
  taskQueued,
  taskSnoozed,
  taskStarted,
} from './events.ts'

/** A task as the API shows it; times are text there. */
export type Task = Static<typeof schema.Task>
/** What a new task is made from. */
export type NewTask = Static<typeof schema.NewTask>
/** Why a task failed. */
export type TaskFailure = Static<typeof schema.Failure>
/** A kind of task that can be asked for. */
export type TaskKind = Static<typeof schema.TaskKind>
