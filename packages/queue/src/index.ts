export type { Announce, AnnouncedJob, Transition } from './announce.ts'
export type { InstrumentJob } from './attempt.ts'
export type { EnqueueOptions } from './enqueue.ts'
export { queueErrors } from './errors.ts'
export {
  type Acceptance,
  type Concurrency,
  defineJob,
  type JobDefinition,
  type JobSpec,
  type OpenTo,
  type Turn,
  type Unique,
} from './job.ts'
export { DEFAULT_LANES, EXTERNAL_LANE, type Lane, type LaneOptions } from './lanes.ts'
export type { Held, LeaseClaim, LeasedJob, LeaseFailure, LeaseKind, LeaseState, Leases } from './leases.ts'
export { queueMigrations } from './migrations/index.ts'
export type { JobFilter, LaneDepth, Operations } from './operations.ts'
export type { JobRow, JobState } from './operations-store.ts'
export {
  createQueue,
  type EnqueuedOnce,
  type Queue,
  type QueueDeps,
  type QueueHints,
  type QueueOptions,
  type Wanted,
} from './queue.ts'
export type { EndedChild, RunningJob } from './running-job.ts'
export type { ScheduleRow } from './schedule-store.ts'
export type { ScheduleSpec, Schedules } from './schedules.ts'
export type { AttemptOutcome, QueueSignal } from './signals.ts'
export { cancelJob, giveUpJob, type JobFailure, retryAfter, snoozeJob } from './verdict.ts'
export type { Worker } from './worker.ts'
export type { WorkerOptions } from './worker-options.ts'
