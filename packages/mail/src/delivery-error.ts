/*
 * Why an attempt did not succeed, in the words of whoever has to decide what to do next. The engines translate what
 * their provider says into these; a queue needs `retryable` and `retryAfterMs`, an operator `fault` and `response`.
 */
import { StoaError } from '@stoa/kernel'
import { mailErrors } from './errors.ts'

/** The sort of a failed attempt. All but `refused` may succeed later. */
export type DeliveryFault =
  /** The provider or every receiver said no for good (SMTP 5xx). */
  | 'refused'
  /** Not now: greylisting, a full mailbox, maintenance (SMTP 4xx). */
  | 'deferred'
  /** Too much at once. */
  | 'throttled'
  /** No connection, or it broke. */
  | 'unreachable'
  /** No answer in time. */
  | 'timeout'
  /** Credentials, certificates, an unverified sender: nothing changes until somebody sets it right. */
  | 'misconfigured'
  /** Whoever asked for it gave it up. */
  | 'interrupted'

/** How long to wait at least before the next attempt, where the provider does not say. */
const WAIT_MS: Readonly<Record<Exclude<DeliveryFault, 'refused'>, number>> = {
  // Greylisting takes minutes, and asking sooner may start it anew.
  deferred: 300_000,
  throttled: 2_000,
  unreachable: 15_000,
  timeout: 60_000,
  misconfigured: 300_000,
  interrupted: 1_000,
}

/** What a {@link MailDeliveryError} is made of. */
export interface DeliveryErrorOptions {
  /** What the provider said. Kept for operators; receivers and addresses may stand in it. */
  readonly response?: string | undefined
  /** What the provider said of when to come back, in milliseconds. Default: by the sort of the failure. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** A failed attempt: code `mail_refused` (for good) or `mail_deferred` (`retryable`). */
export class MailDeliveryError extends StoaError {
  readonly fault: DeliveryFault
  /** When the next attempt makes sense, in milliseconds from now; null when none does. */
  readonly retryAfterMs: number | null
  /** What the provider said, on one line, up to 500 characters; empty when it said nothing. For the log. */
  readonly response: string

  constructor(fault: DeliveryFault, options: DeliveryErrorOptions = {}) {
    const response = oneLine(options.response ?? (options.cause instanceof Error ? options.cause.message : ''))
    const retryAfterMs = fault === 'refused' ? null : (options.retryAfterMs ?? WAIT_MS[fault])
    super(fault === 'refused' ? mailErrors.mail_refused : mailErrors.mail_deferred, {
      context: { fault, response, retryAfterMs },
      cause: options.cause,
      ...(retryAfterMs !== null && { retryAfterSeconds: retryAfterMs / 1000 }),
    })
    this.fault = fault
    this.retryAfterMs = retryAfterMs
    this.response = response
  }
}

const MAX_RESPONSE_LENGTH = 500

/** Text from outside on one line, without control characters, cut to 500 characters: safe to log and to store. */
export function oneLine(text: string): string {
  const tidy = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
  return tidy.length <= MAX_RESPONSE_LENGTH ? tidy : `${tidy.slice(0, MAX_RESPONSE_LENGTH - 1).toWellFormed()}…`
}
