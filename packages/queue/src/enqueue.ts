/* From what a caller wants to a row: the input is checked and encoded once, before anything is sent. */
import { fitsJsonb } from '@stoa/db'
import { type BaseCtx, type Ctx, newId, type ResourceGrants, StoaError } from '@stoa/kernel'
import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/schema'
import { queueErrors } from './errors.ts'
import type { Acceptance, JobDefinition } from './job.ts'
import {
  type Extras,
  jobsEnqueued,
  jobsHandedOver,
  type LiveState,
  type Origin,
  uniqueJobEnqueued,
} from './job-store.ts'

/** What may be said of one job besides its input. */
export interface EnqueueOptions {
  /** Not before so many milliseconds from now, 0 – 366 days. Default 0. */
  readonly delayMs?: number
  /** Not before this time. In place of `delayMs`. */
  readonly runAt?: Date
  /** In place of the definition's. */
  readonly priority?: number
  /** In place of the definition's. */
  readonly lane?: string
}

/** How a job stands to others. */
export interface Kinship {
  readonly parentId?: string
  /** How many children it waits for. */
  readonly awaits?: number
  /** Its id, when somebody had to know it before. Default: a new one. */
  readonly id?: string
}

/** A job that is about to be stored. */
export interface NewJob {
  readonly tenantId: string
  readonly id: string
  readonly kind: string
  readonly lane: string
  readonly rank: number
  readonly state: LiveState
  readonly runAt: Date
  readonly input: string
  readonly origin: string
  readonly extras: Extras | null
}

const MAX_DELAY_MS = 366 * 86_400_000
const MAX_KEY_LENGTH = 200
const validators = new WeakMap<TSchema, Validator>()
const origins = new WeakMap<BaseCtx, string>()

/** The compiled schema of a kind's input. */
export function validatorOf(definition: Pick<JobDefinition, 'input'>): Validator {
  let validator = validators.get(definition.input)
  if (!validator) {
    validator = Compile(definition.input) as Validator
    validators.set(definition.input, validator)
  }
  return validator
}

/**
 * A job of this kind, for the context's tenant.
 *
 * @throws StoaError `job_input_invalid`, `job_input_too_large`; RangeError for an option that is out of range
 */
export function newJob<T extends TSchema>(
  ctx: Ctx,
  definition: JobDefinition<T>,
  input: Static<T>,
  options: EnqueueOptions = {},
  kinship: Kinship = {},
): NewJob {
  const { lane = definition.lane, priority = definition.priority } = options
  if (!Number.isInteger(priority) || Math.abs(priority) > 1_000) throw new RangeError('priority must be −1000 to 1000')
  const now = ctx.clock.now()
  const runAt = runAtOf(options, now)
  const extras = extrasOf(definition, input, kinship)
  return {
    tenantId: ctx.tenant.id,
    id: kinship.id ?? newId(ctx.clock),
    kind: definition.name,
    lane,
    rank: -priority,
    state: stateOf(runAt, now, extras),
    runAt: new Date(runAt),
    input: encodedInput(definition, input),
    origin: originOf(ctx),
    extras,
  }
}

/** The statement that stores them. */
export function enqueued(jobs: readonly NewJob[]): ReturnType<typeof jobsEnqueued> {
  return jobsEnqueued(...columnsOf(jobs))
}

/** The statement that stores them, and hands some of them over to a worker. */
export function enqueuedWith(
  jobs: readonly NewJob[],
  worker: string,
  handedOver: readonly boolean[],
): ReturnType<typeof jobsHandedOver> {
  return jobsHandedOver(...columnsOf(jobs), worker, handedOver)
}

/** The statement that stores one whose kind is unique. */
export function enqueuedOnce(
  job: NewJob,
  definition: JobDefinition,
  now: number,
): ReturnType<typeof uniqueJobEnqueued> {
  const { windowMs } = definition.unique ?? {}
  const until = windowMs === undefined ? null : new Date(now + windowMs)
  return uniqueJobEnqueued(...columnsOf([job]), job.extras?.uniqueKey ?? '', until, new Date(now))
}

function columnsOf(jobs: readonly NewJob[]): Parameters<typeof jobsEnqueued> {
  return [
    jobs.map((job) => job.tenantId),
    jobs.map((job) => job.id),
    jobs.map((job) => job.kind),
    jobs.map((job) => job.lane),
    jobs.map((job) => job.rank),
    jobs.map((job) => job.state),
    jobs.map((job) => job.runAt),
    jobs.map((job) => job.input),
    jobs.map((job) => job.origin),
    jobs.map((job) => job.extras && JSON.stringify(job.extras)),
  ]
}

function runAtOf({ delayMs, runAt }: EnqueueOptions, now: number): number {
  const at = runAt?.getTime() ?? now + (delayMs ?? 0)
  if (!(at - now <= MAX_DELAY_MS) || (delayMs !== undefined && delayMs < 0)) {
    throw new RangeError('a job can be delayed by 0 to 366 days')
  }
  return at
}

function stateOf(runAt: number, now: number, extras: Extras | null): LiveState {
  if (extras?.awaits) return 'waiting'
  if (runAt > now) return 'scheduled'
  return extras?.concurrencyKey === undefined ? 'ready' : 'held'
}

function extrasOf(definition: JobDefinition, input: unknown, { awaits, parentId }: Kinship): Extras | null {
  const { concurrency, tracked, unique } = definition
  if (!(concurrency || unique || tracked || parentId || awaits)) return null
  return {
    ...(concurrency && {
      concurrencyKey: checkedKey(concurrency.key?.(input) ?? ''),
      concurrencyLimit: concurrency.limit,
    }),
    ...(unique && { uniqueKey: checkedKey(unique.key(input)) }),
    ...(parentId && { parentId }),
    ...(awaits && { awaits }),
    ...(tracked && { tracked: true }),
  }
}

function checkedKey(key: unknown): string {
  if (typeof key === 'string' && key.length <= MAX_KEY_LENGTH && !key.includes('\0') && key.isWellFormed()) return key
  throw new StoaError(queueErrors.job_input_invalid, {
    context: { problem: 'its key is not a text of up to 200 characters' },
  })
}

/** What a caller from outside may send: its shape and its size. */
type Asked = Pick<JobDefinition, 'input' | 'maxInputBytes' | 'name'>

/** What is asked for a job with. @throws StoaError `job_input_invalid`, `job_input_too_large` */
export function checkAsked(name: string, { input, maxInputBytes }: Acceptance, asked: unknown): void {
  encodedInput({ name, input, maxInputBytes }, asked)
}

/** @throws StoaError `job_input_invalid`, `job_input_too_large` */
function encodedInput(definition: Asked, input: unknown): string {
  const validator = validatorOf(definition)
  if (!validator.Check(input)) throw invalidInput(definition, validator, input)
  const text = JSON.stringify(input) ?? 'null'
  const { maxInputBytes, name } = definition
  if (text.length > maxInputBytes / 3 && Buffer.byteLength(text) > maxInputBytes) {
    throw new StoaError(queueErrors.job_input_too_large, {
      message: `The input of '${name}' may have ${maxInputBytes} bytes as JSON.`,
    })
  }
  if (!fitsJsonb(text)) {
    throw new StoaError(queueErrors.job_input_invalid, { message: 'The input holds NUL or half of a character.' })
  }
  return text
}

/** The error that says what is wrong with an input. */
function invalidInput(definition: Asked, validator: Validator, input: unknown): StoaError {
  const [, faults] = validator.Errors(input)
  const fields = faults
    .slice(0, 10)
    .map(({ instancePath, keyword, message }) => ({ pointer: `/input${instancePath}`, code: keyword, message }))
  return new StoaError(queueErrors.job_input_invalid, { fields, context: { kind: definition.name } })
}

/** Who asks, as it is stored. Once per context: a request that enqueues a hundred jobs encodes it once. */
function originOf(ctx: BaseCtx): string {
  let text = origins.get(ctx)
  if (text === undefined) {
    const { actor, grants, permissions, requestId, traceId } = ctx
    const origin: Origin = { actor, permissions: [...permissions], requestId, traceId }
    text = JSON.stringify(grants === undefined || grants.size === 0 ? origin : { ...origin, grants: stored(grants) })
    origins.set(ctx, text)
  }
  return text
}

function stored(grants: ResourceGrants): Origin['grants'] {
  return Object.fromEntries([...grants].map(([resource, permissions]) => [resource, [...permissions]]))
}
