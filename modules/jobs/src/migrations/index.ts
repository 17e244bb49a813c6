import type { MigrationSet } from '@stoa/db'
import { taskKinds } from './0001_task_kinds.ts'

/** The room's schema. Tasks are rows of the queue. */
export const jobsMigrations: MigrationSet = { owner: 'jobs', migrations: [taskKinds] }
