import type { Route } from '@stoa/http'
import type { Columns } from '@stoa/module'
import type { ExternalKinds } from '../external-kinds.ts'
import type { TaskWork } from '../task-work.ts'
import type { Tasks } from '../tasks.ts'
import { cancelTask } from './cancel-task.ts'
import { claimTasks } from './claim-tasks.ts'
import { completeTask } from './complete-task.ts'
import { createTask } from './create-task.ts'
import { declareTaskKind } from './declare-task-kind.ts'
import { failTask } from './fail-task.ts'
import { followTask } from './follow-task.ts'
import { followTasks } from './follow-tasks.ts'
import { getTask } from './get-task.ts'
import { getTaskKind } from './get-task-kind.ts'
import { heartbeatTask } from './heartbeat-task.ts'
import { listTaskKinds } from './list-task-kinds.ts'
import { listTasks } from './list-tasks.ts'
import { redriveTask } from './redrive-task.ts'
import { removeTaskKind } from './remove-task-kind.ts'
import { retryTask } from './retry-task.ts'

/** What the routes call. */
export interface TaskRoutesDeps {
  readonly tasks: Tasks
  readonly kinds: ExternalKinds
  readonly work: TaskWork
  readonly journal: Columns['journal']
  readonly realtime: Columns['realtime']
}

/** Every route of the room. */
export function taskRoutes({ journal, kinds, realtime, tasks, work }: TaskRoutesDeps): Route[] {
  return [
    createTask(tasks),
    listTasks(tasks),
    followTasks(realtime),
    getTask(tasks),
    followTask(tasks, journal, realtime),
    cancelTask(tasks),
    retryTask(tasks),
    redriveTask(tasks),
    listTaskKinds(tasks),
    getTaskKind(tasks),
    declareTaskKind(kinds),
    removeTaskKind(kinds),
    claimTasks(work),
    heartbeatTask(work),
    completeTask(work),
    failTask(work),
  ]
}
