import type { Route } from '@stoa/http'
import type { Tasks } from '../tasks.ts'
import { cancelTask } from './cancel-task.ts'
import { createTask } from './create-task.ts'
import { getTask } from './get-task.ts'
import { listTaskKinds } from './list-task-kinds.ts'
import { listTasks } from './list-tasks.ts'
import { redriveTask } from './redrive-task.ts'
import { retryTask } from './retry-task.ts'

/** What the routes call. */
export interface TaskRoutesDeps {
  readonly tasks: Tasks
}

/** Every route of the room. */
export function taskRoutes({ tasks }: TaskRoutesDeps): Route[] {
  return [
    createTask(tasks),
    listTasks(tasks),
    getTask(tasks),
    cancelTask(tasks),
    retryTask(tasks),
    redriveTask(tasks),
    listTaskKinds(tasks),
  ]
}
