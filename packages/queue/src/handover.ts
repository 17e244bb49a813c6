/*
 * A job that is added by itself, in a process whose worker has nothing to do, needs no claim: the worker promises to
 * begin it, and it is born as if that worker had claimed it. So it starts when its commit is done, without another
 * round trip, and its row is written twice instead of three times.
 *
 * Nobody is passed over by it: a worker promises only when its last look at the lane found nothing, and no hint came
 * since. If the process dies, the job is what a dead worker held, and runs elsewhere.
 */
import type { NewJob } from './enqueue.ts'
import type { ClaimedRow } from './job-store.ts'

/** A worker's promise to begin a job as soon as it is stored. One of the two is called, once. */
export interface Promised {
  readonly worker: string
  /** It is stored. @param row null: it was not handed over, and waits to be claimed */
  kept(row: ClaimedRow | null): void
  /** Nobody knows whether it is stored. */
  failed(): void
}

/** What is handed over of jobs that are stored together: all of it to one worker. */
export class Handover {
  readonly worker: string | null
  readonly #jobs: readonly NewJob[]
  readonly #promises: ReadonlyMap<NewJob, Promised>
  #begins = false

  /** @param promise asks whether somebody begins the job at once */
  constructor(jobs: readonly NewJob[], promise: (job: NewJob) => Promised | null) {
    const promises = new Map<NewJob, Promised>()
    for (const job of jobs) {
      const promised = promise(job)
      if (promised) promises.set(job, promised)
    }
    this.#jobs = jobs
    this.#promises = promises
    this.worker = promises.values().next().value?.worker ?? null
  }

  /** Of the jobs, in their order. */
  get handedOver(): readonly boolean[] {
    return this.#jobs.map((job) => this.#promises.get(job)?.worker === this.worker)
  }

  /** What the database says: whether the worker was there when they were stored. */
  begins(isPresent: boolean): void {
    this.#begins = isPresent
  }

  isBegun(job: NewJob): boolean {
    return this.#begins && this.#promises.get(job)?.worker === this.worker
  }

  kept(): void {
    for (const [job, promised] of this.#promises) promised.kept(this.isBegun(job) ? claimedRow(job) : null)
  }

  failed(): void {
    for (const promised of this.#promises.values()) promised.failed()
  }
}

/** The job as a claim would give it. */
function claimedRow({ id, input, kind, origin, rank, runAt, tenantId }: NewJob): ClaimedRow {
  return {
    tenantId,
    id,
    kind,
    rank,
    attempt: 1,
    failures: 0,
    runAt,
    input: JSON.parse(input),
    origin: JSON.parse(origin),
    uniqueKey: null,
    concurrencyKey: null,
    parentId: null,
    tracked: false,
    cancelRequested: false,
  }
}
