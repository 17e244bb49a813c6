/*
 * How an attempt ends. What `run` throws decides: an ordinary error is tried again after a while, and those made here
 * say something else.
 */
import { StoaError } from '@stoa/kernel'
import type { JobDefinition } from './job.ts'

/** Why a job failed, as it is kept: for whoever looks at dead letters. */
export interface JobFailure {
  /**
   * `error`, `timeout`, `input_invalid`, `worker_lost`, `child_failed`, `cancelled`, `result_invalid`, `reported` (by a
   * program outside).
   */
  readonly reason: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
}

/** What becomes of a job after an attempt. */
export type Verdict =
  | { readonly kind: 'done'; readonly result: string | null }
  /** Tried again at `at`, having failed once more. */
  | { readonly kind: 'retry'; readonly at: number; readonly failure: JobFailure }
  /** Tried again at `at`, as if nothing had been. */
  | { readonly kind: 'snooze'; readonly at: number }
  | { readonly kind: 'dead'; readonly failure: JobFailure }
  | { readonly kind: 'cancelled'; readonly failure: JobFailure }

/** What becomes of a job that somebody cancelled while it ran, when its attempt is over. */
export const CANCELLED_WHILE_IT_RAN = {
  kind: 'cancelled',
  failure: { reason: 'cancelled', message: 'It was cancelled while it ran.' },
} as const satisfies Verdict

/** The failure of a job whose workers died again and again while they had it. */
export const WORKER_LOST: JobFailure = { reason: 'worker_lost', message: 'Every worker that took it died.' }

class Cancel extends Error {
  override readonly name = 'JobCancelled'
}

class Snooze extends Error {
  override readonly name = 'JobSnoozed'
  readonly ms: number
  constructor(ms: number) {
    super(`not before ${ms} ms from now`)
    this.ms = ms
  }
}

class RetryAfter extends Error {
  override readonly name = 'RetryAfter'
  readonly ms: number
  constructor(ms: number, message: string, cause: unknown) {
    super(message, { cause })
    this.ms = ms
  }
}

class GiveUp extends Error {
  override readonly name = 'JobGivenUp'
}

/** To be thrown by `run`: the job ends as cancelled, and is not tried again. */
export function cancelJob(reason: string): Error {
  return new Cancel(reason)
}

/** To be thrown by `run`: the job comes again after `ms` milliseconds, and this attempt does not count as a failure. */
export function snoozeJob(ms: number): Error {
  return new Snooze(checkedMs(ms))
}

/**
 * To be thrown by `run`: the attempt failed, and the next one comes after `ms` milliseconds, as a provider asked for.
 *
 * @param message why it failed
 */
export function retryAfter(ms: number, message: string, cause?: unknown): Error {
  return new RetryAfter(checkedMs(ms), message, cause)
}

/**
 * To be thrown by `run`: the job is a dead letter at once, because trying again is of no use. Whoever set right what was
 * wrong redrives it.
 *
 * @param message why
 * @param cause its code, if it has one, is kept
 */
export function giveUpJob(message: string, cause?: unknown): Error {
  return new GiveUp(message, { cause })
}

function checkedMs(ms: number): number {
  if (!(ms >= 0 && ms <= 366 * 86_400_000)) throw new RangeError('ms must be 0 to 366 days')
  return ms
}

/**
 * What becomes of a job whose attempt threw.
 *
 * @param failures how often it failed before
 * @param now in milliseconds
 */
export function verdictOf(
  error: unknown,
  definition: Pick<JobDefinition, 'retries' | 'retryMinMs' | 'retryMaxMs'>,
  failures: number,
  now: number,
): Verdict {
  if (error instanceof Cancel) return { kind: 'cancelled', failure: { reason: 'cancelled', message: error.message } }
  if (error instanceof Snooze) return { kind: 'snooze', at: now + error.ms }
  const failure = failureOf(error)
  if (error instanceof GiveUp) return { kind: 'dead', failure }
  return verdictAfter(failure, error instanceof RetryAfter ? error.ms : null, definition, failures, now)
}

/**
 * What becomes of a job that has failed: it is tried again, unless it was often enough.
 *
 * @param afterMs when, in milliseconds from now; null: after the usual wait
 * @param failures how often it failed before
 */
export function verdictAfter(
  failure: JobFailure,
  afterMs: number | null,
  definition: Pick<JobDefinition, 'retries' | 'retryMinMs' | 'retryMaxMs'>,
  failures: number,
  now: number,
): Verdict {
  if (failures >= definition.retries) return { kind: 'dead', failure }
  return { kind: 'retry', at: now + (afterMs ?? fullJitterMs(failures, definition)), failure }
}

/** Between nothing and a bound that doubles: those who failed together spread as far as they can. */
function fullJitterMs(failures: number, { retryMaxMs, retryMinMs }: Pick<JobDefinition, 'retryMinMs' | 'retryMaxMs'>) {
  return Math.random() * Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(failures, 40))
}

const MESSAGE_LENGTH = 1_000
const STACK_LENGTH = 4_000

/** The failure that an error stands for; anything may have been thrown. */
export function failureOf(error: unknown): JobFailure {
  if ((error instanceof RetryAfter || error instanceof GiveUp) && error.cause !== undefined) {
    return { ...failureOf(error.cause), message: storable(error.message, MESSAGE_LENGTH) }
  }
  if (!(error instanceof Error)) {
    return { reason: 'error', message: storable(`thrown: ${described(error)}`, MESSAGE_LENGTH) }
  }
  return {
    reason: error.name === 'TimeoutError' ? 'timeout' : 'error',
    message: storable(error.message, MESSAGE_LENGTH),
    ...(error instanceof StoaError && { code: error.code }),
    ...(error.stack && { stack: storable(error.stack, STACK_LENGTH) }),
  }
}

function described(thrown: unknown): string {
  try {
    return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown))
  } catch {
    return Object.prototype.toString.call(thrown)
  }
}

/** Text as jsonb takes it: no NUL, no half of a surrogate pair. */
function storable(text: string, length: number): string {
  return text.slice(0, length).replaceAll('\0', '').toWellFormed()
}
