import type { Journal } from '@stoa/journal'
import type { Ctx } from '@stoa/kernel'
import type { Past } from '@stoa/realtime'
import type { Task } from './contract.ts'

/** After them nothing follows, unless somebody redrives the task. */
export const FINAL_EVENTS: ReadonlySet<string> = new Set(['task.done', 'task.dead', 'task.cancelled'])

/** Clocks of processes may differ by so much. */
const SKEW_MS = 3_600_000

/** What is asked for the past of a task. */
export interface TaskPastDeps {
  readonly journal: Pick<Journal, 'about'>
  /** @throws StoaError `job_not_found` */
  readonly taskById: (ctx: Ctx, id: string) => Promise<Task>
}

/** What has happened to a task: all of it, but of its progress the newest. */
export async function pastOf({ journal, taskById }: TaskPastDeps, ctx: Ctx, task: Task): Promise<Past> {
  // A process whose clock was ahead goes on with ids from there, and a task is as old as its id.
  const since = new Date(Math.min(task.createdAt.getTime(), ctx.clock.now()) - SKEW_MS)
  const events = await journal.about(ctx, `task:${task.id}`, { since, newestOf: 'task.progress' })
  const last = events.at(-1)
  if (last === undefined || !FINAL_EVENTS.has(last.type)) return { events, isOver: false }
  // Asked after the events: a task that was made new in between goes on.
  return { events, isOver: (await taskById(ctx, task.id)).finishedAt !== null }
}
