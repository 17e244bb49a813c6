/*
 * A kind of job: what it takes, how it is tried, and what it does. A definition is a plain frozen object; nothing
 * happens when it is made. Programs that only enqueue need the definition without `run`.
 */
import type { Tx } from '@stoa/db'
import { type Ctx, type OptionsInput, type OptionsSpec, type Resolved, resolveOptions } from '@stoa/kernel'
import type { Static, TSchema } from 'typebox'
import type { RunningJob } from './running-job.ts'

const MAX_INPUT_BYTES = 16_777_216

const JOB_OPTIONS = {
  description: { type: 'string', default: '', maxLength: 500 },
  lane: { type: 'string', default: 'default', pattern: /^[a-z][a-z0-9-]{0,30}$/, patternHint: 'like critical' },
  priority: { type: 'integer', default: 0, min: -1_000, max: 1_000 },
  timeoutMs: { type: 'integer', default: 60_000, min: 10, max: 86_400_000 },
  retries: { type: 'integer', default: 8, min: 0, max: 100 },
  retryMinMs: { type: 'integer', default: 1_000, min: 0, max: 86_400_000 },
  retryMaxMs: { type: 'integer', default: 3_600_000, min: 0, max: 604_800_000 },
  maxInputBytes: { type: 'integer', default: 262_144, min: 1, max: MAX_INPUT_BYTES },
  tracked: { type: 'boolean', default: false },
} as const satisfies OptionsSpec

/** At most so many jobs of one key run at the same time, wherever they run. */
export interface Concurrency<Input> {
  /** 1–1 000. */
  readonly limit: number
  /** What they share: up to 200 characters. Default: all jobs of the kind in a tenant share one key. */
  key?(input: Input): string
}

/** A second job of the same key is not made. */
export interface Unique<Input> {
  /** Up to 200 characters. */
  key(input: Input): string
  /** For how long after it was enqueued, in milliseconds, 1 s – 366 days. Default: until it is finished. */
  readonly windowMs?: number
}

/** Who may ask for jobs of a kind from outside: over an API, say; and with what. */
export interface OpenTo {
  /** What whoever asks needs, such as `links:write`. */
  readonly permission: string
  /** Default: they send the input of the job. */
  readonly acceptance?: Acceptance
}

/**
 * What callers from outside send, where it is not what the job is to keep: a message goes into the outbox, and the job
 * has its id.
 */
export interface Acceptance {
  /** The shape of what they send. Checked before `accept` sees it. */
  readonly input: TSchema
  /** Its size as JSON, up to 16 MiB. */
  readonly maxInputBytes: number
  /**
   * Makes the input of the job, in the transaction that enqueues it: what is written here and the job share a commit.
   *
   * @param input takes whatever type the schema says
   * @param id of the job
   * @throws StoaError of the kind `invalid`, whose fields point into `/input`
   */
  accept(ctx: Ctx, tx: Tx, input: unknown, id: string): Promise<unknown>
}

/** Whether a job may start now, and if not, when to ask again. */
export interface Turn {
  readonly allowed: boolean
  /** In milliseconds. */
  readonly retryAfterMs: number
}

// As methods, so that a list can hold jobs of different inputs.
interface Functions<Input> {
  takeTurn(ctx: Ctx, input: Input): Promise<Turn> | Turn
  run(ctx: Ctx, input: Input, job: RunningJob): unknown
}

/**
 * What {@link defineJob} takes.
 *
 * - `description`: one sentence for people. Default none.
 * - `lane`: which lane it waits in: small letters, digits, `-`. Default `default`.
 * - `priority`: higher goes first inside the lane. −1 000 – 1 000. Default 0.
 * - `timeoutMs`: how long one attempt may take, in milliseconds; then its signal aborts and it has failed. 10 ms – 1 day.
 *   Default one minute.
 * - `retries`: how often it is tried again before it is a dead letter. 0–100. Default 8.
 * - `retryMinMs`, `retryMaxMs`: the wait before a retry is by chance between 0 and a bound that doubles from the one to
 *   the other ("full jitter"), in milliseconds. Default 1 s and 1 h.
 * - `maxInputBytes`: size of the input as JSON, up to 16 MiB. Default 256 KiB.
 * - `tracked`: whether what happens to it is announced: see `QueueDeps.announce`. It costs a write per step. Default
 *   false.
 */
export interface JobSpec<T extends TSchema, Result = unknown> extends OptionsInput<typeof JOB_OPTIONS> {
  /** Two or more words of small letters, digits and `_`, joined by dots: `mail.send`. At most 100 characters. */
  readonly name: string
  /** The shape of the input. Checked when it is enqueued, and again before it runs. */
  readonly input: T
  readonly concurrency?: Concurrency<Static<T>>
  /**
   * Opens the kind to callers from outside, with a permission. Such a kind is `tracked`, because they want to know what
   * becomes of it. Default: only the program itself enqueues it.
   */
  readonly api?: OpenTo
  readonly unique?: Unique<Static<T>>
  /**
   * Asked before each start, for instance by a limiter. A job that may not start yet waits without being counted as
   * tried, and until then this worker claims none of the kind for that tenant.
   */
  readonly takeTurn?: Functions<Static<T>>['takeTurn']
  /**
   * Does the work. What it gives back is the result (JSON, up to 256 KiB), kept as long as the lane keeps finished
   * jobs. It may run more than once: see {@link RunningJob.transaction}.
   */
  readonly run?: (ctx: Ctx, input: Static<T>, job: RunningJob) => Promise<Result> | Result
}

/** A kind of job. */
export interface JobDefinition<T extends TSchema = TSchema> extends Resolved<typeof JOB_OPTIONS> {
  readonly name: string
  readonly input: T
  readonly api: OpenTo | null
  readonly concurrency: Concurrency<Static<T>> | null
  readonly unique: Unique<Static<T>> | null
  readonly takeTurn: Functions<Static<T>>['takeTurn'] | null
  readonly run: Functions<Static<T>>['run'] | null
}

const NAME = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/

/**
 * Defines a kind of job.
 *
 * @throws TypeError when the name is malformed; StoaError `invalid_options`
 * @example
 * const resize = defineJob({
 *   name: 'image.resize', lane: 'bulk', timeoutMs: 30_000,
 *   input: Type.Object({ imageId: Type.String(), width: Type.Integer({ minimum: 1 }) }),
 *   run: async (ctx, { imageId, width }, job) => images.resize(ctx, imageId, width, job.signal),
 * })
 * queue.enqueue(ctx, tx, resize, { imageId, width: 800 })
 */
export function defineJob<const T extends TSchema, Result = unknown>(spec: JobSpec<T, Result>): JobDefinition<T> {
  const { name, input, api = null, concurrency = null, unique = null, takeTurn = null, run = null, ...rest } = spec
  if (!NAME.test(name) || name.length > 100) throw new TypeError(`job '${name}' is not like 'mail.send'`)
  const options = resolveOptions(JOB_OPTIONS, rest, {
    name: `job ${name}`,
    relations: [(o) => (o.retryMinMs <= o.retryMaxMs ? null : 'retryMinMs must not be above retryMaxMs')],
  })
  checkRange(name, 'concurrency.limit', concurrency?.limit, 1, 1_000)
  checkRange(name, 'api.acceptance.maxInputBytes', api?.acceptance?.maxInputBytes, 1, MAX_INPUT_BYTES)
  checkRange(name, 'unique.windowMs', unique?.windowMs, 1_000, 366 * 86_400_000)
  if (unique && api?.acceptance) throw new TypeError(`job '${name}' is unique, and cannot have an acceptance`)
  const tracked = options.tracked || api !== null
  return Object.freeze({
    ...options,
    tracked,
    name,
    input,
    api,
    concurrency,
    unique,
    takeTurn,
    run,
  }) as JobDefinition<T>
}

function checkRange(job: string, option: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
  throw new TypeError(`job '${job}': ${option} must be a whole number from ${min} to ${max}`)
}
