import type { Route } from '@stoa/http'
import type { Columns } from '@stoa/module'
import type { TaskStreams } from '../task-streams.ts'
import type { Tasks } from '../tasks.ts'
import { cancelTask } from './cancel-task.ts'
import { createTask } from './create-task.ts'
import { followTask } from './follow-task.ts'
import { followTasks } from './follow-tasks.ts'
import { getTask } from './get-task.ts'
import { listTaskKinds } from './list-task-kinds.ts'
import { listTasks } from './list-tasks.ts'
import { redriveTask } from './redrive-task.ts'
import { retryTask } from './retry-task.ts'

/** What the routes call. */
export interface TaskRoutesDeps {
  readonly tasks: Tasks
  readonly streams: TaskStreams
  readonly realtime: Columns['realtime']
}

/** Every route of the room. */
export function taskRoutes({ realtime, streams, tasks }: TaskRoutesDeps): Route[] {
  return [
    createTask(tasks),
    listTasks(tasks),
    followTasks(realtime),
    getTask(tasks),
    followTask(streams),
    cancelTask(tasks),
    retryTask(tasks),
    redriveTask(tasks),
    listTaskKinds(tasks),
  ]
}
