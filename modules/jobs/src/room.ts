import { Resources } from '@stoa/kernel'
import type { Columns, Room } from '@stoa/module'
import { jobsConfig } from './config.ts'
import { ExternalKinds } from './external-kinds.ts'
import { taskRoutes } from './routes/index.ts'
import { TaskStreams } from './task-streams.ts'
import { TaskWork } from './task-work.ts'
import { Tasks } from './tasks.ts'

/** Opens the room on its columns. */
export function openRoom({ clock, config, db, journal, log, metrics, queue, realtime }: Columns): Room {
  const resources = new Resources({ clock })
  const settings = jobsConfig(config)
  const kinds = new ExternalKinds({ db, journal, queue })
  const tasks = new Tasks({ db, queue, kinds })
  const work = new TaskWork({ db, queue, kinds }, settings)
  const task: Tasks['taskById'] = (ctx, id) => tasks.taskById(ctx, id)
  const streams = resources.use(new TaskStreams({ journal, log, clock, task }, settings), 'streams of tasks')
  metrics.gauge({
    name: 'stoa_jobs_streams',
    help: 'Callers that follow a single task.',
    collect: (gauge) => gauge.set(streams.size),
  })
  metrics.gauge({
    name: 'stoa_jobs_waiting_claims',
    help: 'Workers outside that wait for a task.',
    collect: (gauge) => gauge.set(work.waiting),
  })
  return {
    routes: taskRoutes({ tasks, kinds, work, streams, realtime }),
    ready: async () => void (await streams.ready),
    drain() {
      work.drain()
      streams.drain()
    },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}
