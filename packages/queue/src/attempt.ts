/*
 * One attempt at one job, from its start to its verdict. There is one verdict, whatever comes first: what `run` gives or
 * throws, the end of its time, or that the worker lost it. What comes later changes nothing: an attempt that is out of
 * time may go on in its own code, and what it then says is not listened to.
 */
import type { Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, idTime, StoaError, type Tenant } from '@stoa/kernel'
import { queueErrors } from './errors.ts'
import type { JobDefinition } from './job.ts'
import { JobCtx } from './job-ctx.ts'
import type { ClaimedRow } from './job-store.ts'
import type { EndedChild, RunningJob } from './running-job.ts'
import { CANCELLED_WHILE_IT_RAN, failureOf, type Verdict, verdictOf } from './verdict.ts'

/** Runs `run` and returns its outcome; it must call it once. */
export type InstrumentJob = (
  job: { readonly kind: string; readonly id: string; readonly attempt: number; readonly traceId: string | null },
  run: () => Promise<unknown>,
) => Promise<unknown>

/** What an attempt needs of its worker. */
export interface AttemptHost {
  /** Wraps what `run` does, to trace it. */
  readonly instrument: InstrumentJob | null
  /** Writes and finishes the job in one transaction. @throws StoaError `job_attempt_stale` */
  finishing<T>(attempt: Attempt, fn: (tx: Tx) => Promise<T>, result: (value: T) => unknown): Promise<T>
  children(attempt: Attempt): Promise<readonly EndedChild[]>
  progressed(attempt: Attempt): void
  ended(attempt: Attempt, verdict: Verdict | null): void
}

/** Why an attempt's signal aborts. */
export type AbortReason = 'timeout' | 'cancelled' | 'stopping' | 'lost'

const MAX_RESULT_BYTES = 262_144
const MAX_NOTE_LENGTH = 200

/** An attempt that runs. */
export class Attempt implements RunningJob {
  readonly row: ClaimedRow
  readonly definition: JobDefinition
  readonly startedAt = performance.now()
  /** The newest progress that was not written yet. */
  unwritten: { readonly fraction: number; readonly note: string | null } | null = null
  readonly #host: AttemptHost
  readonly ctx: Ctx
  #abort: AbortController | null = null
  #aborted: AbortReason | null = null
  #timer: NodeJS.Timeout | null = null
  #over = false
  /** Its own transaction has finished the job: there is nothing more to say. */
  #finished = false

  constructor(row: ClaimedRow, definition: JobDefinition, tenant: Tenant, base: BaseCtx, host: AttemptHost) {
    this.row = row
    this.definition = definition
    this.ctx = new JobCtx(base, tenant, row, () => this.signal)
    this.#host = host
  }

  get id(): string {
    return this.row.id
  }

  get kind(): string {
    return this.row.kind
  }

  get attempt(): number {
    return this.row.attempt
  }

  get enqueuedAt(): Date {
    return idTime(this.row.id)
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#aborted) this.#abort.abort(reasonOf(this.#aborted))
    }
    return this.#abort.signal
  }

  /** Whether a verdict was reached. */
  get over(): boolean {
    return this.#over
  }

  /** Runs it. Never throws, and resolves at its verdict. */
  run(): void {
    const { definition, row } = this
    this.#timer = setTimeout(() => this.#timedOut(), definition.timeoutMs)
    try {
      const { instrument } = this.#host
      const { attempt, id, kind, origin } = row
      const call = () => definition.run?.(this.ctx, row.input as never, this)
      const outcome = instrument
        ? instrument({ kind, id, attempt, traceId: origin.traceId }, async () => call())
        : call()
      if (isThenable(outcome)) {
        outcome.then(
          (result) => this.#returned(result),
          (error) => this.#threw(error),
        )
      } else this.#returned(outcome)
    } catch (error) {
      this.#threw(error)
    }
  }

  /** Aborts its signal. `lost`: nothing that it says is listened to any more. */
  abort(reason: AbortReason): void {
    if (this.#over) return
    if (!this.#aborted) {
      this.#aborted = reason
      this.#abort?.abort(reasonOf(reason))
    }
    if (reason === 'lost') this.#end(null)
  }

  progress(fraction: number, note?: string): void {
    if (!(fraction >= 0 && fraction <= 1)) throw new RangeError('progress is a fraction from 0 to 1')
    if (this.#over) return
    this.unwritten = { fraction, note: note?.slice(0, MAX_NOTE_LENGTH).replaceAll('\0', '').toWellFormed() ?? null }
    this.#host.progressed(this)
  }

  async transaction<T>(fn: (tx: Tx) => Promise<T>, result: (value: T) => unknown = (value) => value): Promise<T> {
    if (this.#over || this.#aborted === 'timeout') throw new StoaError(queueErrors.job_attempt_stale)
    const value = await this.#host.finishing(this, fn, result)
    this.#finished = true
    return value
  }

  children(): Promise<readonly EndedChild[]> {
    return this.#host.children(this)
  }

  #returned(result: unknown): void {
    if (this.#over) return
    const text = encodedResult(result)
    if (this.#finished) this.#end(null)
    else if (text instanceof Error)
      this.#end({ kind: 'dead', failure: { ...failureOf(text), reason: 'result_invalid' } })
    else this.#end({ kind: 'done', result: text })
  }

  #threw(error: unknown): void {
    if (this.#over) return
    this.#end(this.#finished ? null : this.#verdictOf(error))
  }

  #verdictOf(error: unknown): Verdict {
    const now = this.ctx.clock.now()
    if (this.#aborted === 'cancelled') return CANCELLED_WHILE_IT_RAN
    // What a stopping worker interrupts has not failed.
    if (this.#aborted === 'stopping') return { kind: 'snooze', at: now }
    return verdictOf(error, this.definition, this.row.failures, now)
  }

  #timedOut(): void {
    if (this.#over) return
    const { timeoutMs } = this.definition
    const wasCancelled = this.#aborted === 'cancelled'
    this.#aborted ??= 'timeout'
    const error = new DOMException(`it took longer than ${timeoutMs} ms`, 'TimeoutError')
    if (!this.#abort?.signal.aborted) this.#abort?.abort(error)
    if (!wasCancelled) this.#aborted = 'timeout'
    this.#end(this.#verdictOf(error))
  }

  #end(verdict: Verdict | null): void {
    this.#over = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#host.ended(this, verdict)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function reasonOf(reason: AbortReason): Error {
  switch (reason) {
    case 'timeout':
      return new DOMException('the attempt is out of time', 'TimeoutError')
    case 'cancelled':
      return new DOMException('the job was cancelled', 'AbortError')
    case 'stopping':
      return new DOMException('the worker stops', 'AbortError')
    case 'lost':
      return new StoaError(queueErrors.job_attempt_stale)
  }
}

/** The result as JSON text, null for none, or why it cannot be kept. */
export function encodedResult(result: unknown): string | null | Error {
  if (result === undefined || result === null) return null
  try {
    const text = JSON.stringify(result) ?? null
    if (text === null) return null
    if (text.length > MAX_RESULT_BYTES / 3 && Buffer.byteLength(text) > MAX_RESULT_BYTES) {
      return new RangeError(`the result is larger than ${MAX_RESULT_BYTES} bytes`)
    }
    return text.includes('\\u') ? storable(result) : text
  } catch (error) {
    return error instanceof Error ? error : new TypeError('the result has no JSON')
  }
}

/** Text that jsonb refuses is made such that it does not, names included: a result is no reason to do the work again. */
function storable(result: unknown): string {
  const tidy = (text: string) => text.replaceAll('\0', '\uFFFD').toWellFormed()
  return JSON.stringify(result, (_, value) => {
    if (typeof value === 'string') return tidy(value)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, of]) => [tidy(name), of]))
  })
}
