import type { Tx } from '@stoa/db'
import type { Ctx } from '@stoa/kernel'
import type { JobFailure } from './verdict.ts'

/** A step of a tracked job. */
export type Transition =
  | { readonly kind: 'queued' }
  | { readonly kind: 'started' }
  | { readonly kind: 'progress'; readonly fraction: number; readonly note: string | null }
  | { readonly kind: 'done'; readonly result: unknown }
  /** It will be tried again. */
  | { readonly kind: 'failed'; readonly failure: JobFailure; readonly nextAt: Date }
  | { readonly kind: 'snoozed'; readonly nextAt: Date }
  | { readonly kind: 'dead'; readonly failure: JobFailure }
  | { readonly kind: 'cancelled'; readonly failure: JobFailure }

/** The job that a transition is of. */
export interface AnnouncedJob {
  readonly id: string
  readonly kind: string
  readonly attempt: number
}

/**
 * Writes, in the transaction that makes the step, whatever others should know of it: an event of a journal. It must send
 * by `tx.later` alone, and must not throw.
 */
export type Announce = (ctx: Ctx, tx: Tx, job: AnnouncedJob, transition: Transition) => void
