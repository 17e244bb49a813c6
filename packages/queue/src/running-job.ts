import type { Tx } from '@stoa/db'

/** A child job that has ended. */
export interface EndedChild {
  readonly id: string
  readonly kind: string
  readonly outcome: 'done' | 'dead' | 'cancelled'
  readonly result: unknown
}

/** What `run` gets to know of the attempt that it is. */
export interface RunningJob {
  readonly id: string
  readonly kind: string
  /** From 1; grows with every start, also after a crash. With the id it names this attempt and no other. */
  readonly attempt: number
  /** When it was enqueued. */
  readonly enqueuedAt: Date
  /**
   * Aborts when the attempt is out of time, when the job is cancelled, when its worker stops, and when it was given to
   * another worker.
   */
  readonly signal: AbortSignal
  /**
   * Says how far it is: a fraction from 0 to 1, and a word for people (up to 200 characters). Written at most four
   * times a second, the newest.
   */
  progress(fraction: number, note?: string): void
  /**
   * Writes, and finishes this job, in one transaction of the tenant: together or not at all. When the attempt is not
   * the present one any more (it took so long that another worker was given the job) nothing is written. So what `fn`
   * writes happens exactly once. To be called once, as the last thing.
   *
   * @param result of the job; default: what `fn` gives
   * @throws StoaError `job_attempt_stale`, and what `fn` throws
   */
  transaction<T>(fn: (tx: Tx) => Promise<T>, result?: (value: T) => unknown): Promise<T>
  /** The job's children, when it waited for some. */
  children(): Promise<readonly EndedChild[]>
}
