import type { Columns, Room } from '@stoa/module'
import { taskRoutes } from './routes/index.ts'
import { Tasks } from './tasks.ts'

/** Opens the room on its columns. */
export function openRoom({ db, queue }: Columns): Room {
  const tasks = new Tasks({ db, queue })
  return {
    routes: taskRoutes({ tasks }),
    async [Symbol.asyncDispose]() {},
  }
}
