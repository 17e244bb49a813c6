import type { Columns, Room } from '@stoa/module'
import { jobsConfig } from './config.ts'
import { ExternalKinds } from './external-kinds.ts'
import { taskRoutes } from './routes/index.ts'
import { TaskWork } from './task-work.ts'
import { Tasks } from './tasks.ts'

/** Opens the room on its columns. */
export function openRoom({ config, db, journal, metrics, queue, realtime }: Columns): Room {
  const settings = jobsConfig(config)
  const kinds = new ExternalKinds({ db, journal, queue })
  const tasks = new Tasks({ db, queue, kinds })
  const work = new TaskWork({ db, queue, kinds }, settings)
  metrics.gauge({
    name: 'stoa_jobs_waiting_claims',
    help: 'Workers outside that wait for a task.',
    collect: (gauge) => gauge.set(work.waiting),
  })
  return {
    routes: taskRoutes({ tasks, kinds, work, journal, realtime }),
    drain: () => work.drain(),
    [Symbol.asyncDispose]: async () => undefined,
  }
}
