import type { RescuedRow } from './worker-store.ts'

/** How an attempt ended. */
export type AttemptOutcome = 'done' | 'retry' | 'snooze' | 'dead' | 'cancelled'

/** What happens in a queue: for metrics, and for tests that wait for it. */
export type QueueSignal =
  | { readonly kind: 'enqueued'; readonly job: string; readonly lane: string; readonly count: number }
  /** `waitedMs`: from the time at which it could have started. */
  | {
      readonly kind: 'started'
      readonly job: string
      readonly lane: string
      readonly id: string
      readonly waitedMs: number
    }
  | {
      readonly kind: 'ended'
      readonly job: string
      readonly lane: string
      readonly id: string
      readonly outcome: AttemptOutcome
      readonly ranMs: number
    }
  /** Attempts that were not this worker's any more when it wanted to end them. */
  | { readonly kind: 'stale'; readonly count: number }
  /** Jobs that were taken back from workers that are gone. */
  | { readonly kind: 'rescued'; readonly jobs: readonly RescuedRow[] }
  /** This worker was given up by others, and goes on under a new name. */
  | { readonly kind: 'given_up' }
  /** The database did not take what the worker wanted to say; it tries again. */
  | { readonly kind: 'failed'; readonly what: string; readonly error: unknown }
