import type { Static } from 'typebox'
import type * as schema from './schema.ts'

export {
  taskCancelled,
  taskDead,
  taskDone,
  taskEvents,
  taskFailed,
  taskKindDeclared,
  taskKindRemoved,
  taskProgressed,
  taskQueued,
  taskSnoozed,
  taskStarted,
} from './events.ts'

/** A task as the API shows it; times are text there. */
export type Task = Static<typeof schema.Task>
/** What a new task is made from. */
export type NewTask = Static<typeof schema.NewTask>
/** What a worker outside has claimed. */
export type ClaimedTask = Static<typeof schema.ClaimedTask>
/** A kind of task for workers outside, as it is declared. */
export type NewTaskKind = Static<typeof schema.NewTaskKind>
/** Why a task failed. */
export type TaskFailure = Static<typeof schema.Failure>
/** A kind of task that can be asked for. */
export type TaskKind = Static<typeof schema.TaskKind>
