import { Resources } from '@stoa/kernel'
import type { Columns, Room } from '@stoa/module'
import { jobsConfig } from './config.ts'
import { taskRoutes } from './routes/index.ts'
import { TaskStreams } from './task-streams.ts'
import { Tasks } from './tasks.ts'

/** Opens the room on its columns. */
export function openRoom({ clock, config, db, journal, log, metrics, queue, realtime }: Columns): Room {
  const resources = new Resources({ clock })
  const tasks = new Tasks({ db, queue })
  const task: Tasks['taskById'] = (ctx, id) => tasks.taskById(ctx, id)
  const streams = resources.use(new TaskStreams({ journal, log, clock, task }, jobsConfig(config)), 'streams of tasks')
  metrics.gauge({
    name: 'stoa_jobs_streams',
    help: 'Callers that follow a single task.',
    collect: (gauge) => gauge.set(streams.size),
  })
  return {
    routes: taskRoutes({ tasks, streams, realtime }),
    ready: async () => void (await streams.ready),
    drain: () => streams.drain(),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}
