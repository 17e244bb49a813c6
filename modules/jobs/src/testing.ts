/** Tasks for other people's tests, made through the public API. */
import type { NewTask, Task } from './contract.ts'

/** Sends a request with the credentials of a tenant that has `jobs:write`. The client of a test suite fits. */
export interface SeedCaller {
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }>
}

/**
 * Makes a task.
 * @throws Error with the problem when it is refused
 */
export async function seedTask(caller: SeedCaller, task: NewTask): Promise<Task> {
  const { status, body } = await caller.post('/api/v1/tasks', task)
  if (status !== 202) throw new Error(`no task was made (${status}): ${JSON.stringify(body)}`)
  return body as Task
}
