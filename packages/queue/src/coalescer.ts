/*
 * Callers that enqueue at the same time share one statement and one commit. The first one goes at once; whoever comes
 * while a commit is under way goes with the next. So one caller waits for nothing but its own commit, and fifty cost
 * about as much as one.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, StoaError } from '@stoa/kernel'
import { enqueued, enqueuedWith, type NewJob } from './enqueue.ts'
import { queueErrors } from './errors.ts'
import { Handover, type Promised } from './handover.ts'
import { plannedByIndex } from './job-store.ts'

interface Waiting {
  readonly job: NewJob
  resolve(): void
  reject(error: unknown): void
}

/** What a coalescer needs. */
export interface CoalescerDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  /** Whether the job has to be on the disk when it is confirmed. */
  isDurable(job: NewJob): boolean
  /** Whether a worker of this process begins it at once. */
  promise(job: NewJob): Promised | null
  /** Told of jobs as soon as they are committed, and which of them were handed over to a worker. */
  stored(jobs: readonly NewJob[], isBegun: (job: NewJob) => boolean): void
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
  readonly #promise: (job: NewJob) => Promised | null
  readonly #stored: (jobs: readonly NewJob[], isBegun: (job: NewJob) => boolean) => void
  #waiting: Waiting[] = []
  #commits = 0
  #closed = false
  #idle = Promise.withResolvers<void>()

  constructor({ ctx, db, isDurable, promise, stored }: CoalescerDeps) {
    this.#db = db
    this.#ctx = ctx
    this.#isDurable = isDurable
    this.#promise = promise
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
    const handover = new Handover(jobs, this.#promise)
    try {
      await this.#db.system(this.#ctx, async (tx) => {
        if (!jobs.some(this.#isDurable)) tx.later(plannedByIndex('off'))
        if (handover.worker === null) tx.later(enqueued(jobs))
        else {
          const { handedOver, worker } = handover
          tx.later(enqueuedWith(jobs, worker, handedOver), { seen: ({ isPresent }) => handover.begins(isPresent) })
        }
      })
    } catch (error) {
      handover.failed()
      for (const { reject } of batch) reject(error)
      return
    }
    for (const { resolve } of batch) resolve()
    handover.kept()
    this.#stored(jobs, (job) => handover.isBegun(job))
  }
}
