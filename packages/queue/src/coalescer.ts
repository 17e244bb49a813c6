/*
 * Callers that enqueue at the same time share one statement and one commit. The first one goes at once; whoever comes
 * while a commit is under way goes with the next. So one caller waits for nothing but its own commit, and fifty cost
 * about as much as one.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, StoaError } from '@stoa/kernel'
import { enqueued, type NewJob } from './enqueue.ts'
import { queueErrors } from './errors.ts'
import { plannedByIndex } from './job-store.ts'

interface Waiting {
  readonly job: NewJob
  resolve(): void
  reject(error: unknown): void
}

/** So many jobs go with one statement. */
const MAX_JOBS = 1_000
/** And so many bytes of input. */
const MAX_BYTES = 4 * 1_024 * 1_024
/** Commits under way at the same time: while one waits for the disk the next is prepared. */
const MAX_COMMITS = 2

/** Stores jobs of many callers together. */
export class Coalescer implements AsyncDisposable {
  readonly #db: Database
  readonly #ctx: BaseCtx
  readonly #isDurable: (job: NewJob) => boolean
  readonly #stored: (jobs: readonly NewJob[]) => void
  #waiting: Waiting[] = []
  #commits = 0
  #closed = false
  #idle = Promise.withResolvers<void>()

  /**
   * @param isDurable whether the job has to be on the disk when it is confirmed
   * @param stored told of jobs as soon as they are committed
   */
  constructor(
    db: Database,
    ctx: BaseCtx,
    isDurable: (job: NewJob) => boolean,
    stored: (jobs: readonly NewJob[]) => void,
  ) {
    this.#db = db
    this.#ctx = ctx
    this.#isDurable = isDurable
    this.#stored = stored
  }

  /** Resolves when the job is committed. @throws StoaError `queue_closed`, `unavailable` */
  add(job: NewJob): Promise<void> {
    if (this.#closed) throw new StoaError(queueErrors.queue_closed)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject })
      // In the next microtask, so that those who are called in one loop go together.
      if (this.#commits < MAX_COMMITS && this.#waiting.length === 1) queueMicrotask(() => this.#send())
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    if (this.#commits === 0 && this.#waiting.length === 0) return
    await this.#idle.promise
  }

  #send(): void {
    if (this.#waiting.length === 0 || this.#commits >= MAX_COMMITS) return
    this.#commits++
    void this.#commit(this.#nextBatch()).finally(() => {
      this.#commits--
      this.#send()
      if (this.#closed && this.#commits === 0) this.#idle.resolve()
    })
  }

  #nextBatch(): Waiting[] {
    let bytes = 0
    const tooMany = this.#waiting.findIndex(({ job }, index) => {
      bytes += job.input.length
      return index === MAX_JOBS || (index > 0 && bytes > MAX_BYTES)
    })
    return this.#waiting.splice(0, tooMany === -1 ? this.#waiting.length : tooMany)
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const jobs = batch.map(({ job }) => job)
    try {
      await this.#db.system(this.#ctx, async (tx) => {
        if (!jobs.some(this.#isDurable)) tx.later(plannedByIndex('off'))
        tx.later(enqueued(jobs))
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return
    }
    for (const { resolve } of batch) resolve()
    this.#stored(jobs)
  }
}
