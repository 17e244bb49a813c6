/*
 * What the answers of SES mean. Its error types name what to do better than its status codes: a 400 may be a message
 * that is refused, an account that is paused, or a quota that is empty until tomorrow.
 */
import { type DeliveryFault, MailDeliveryError } from './delivery-error.ts'

/** An answer that is not a success. */
export interface SesRefusal {
  readonly status: number
  /** `x-amzn-errortype`, or `__type` of the body. */
  readonly type: string
  readonly message: string
  /** `retry-after`, in seconds, or empty. */
  readonly retryAfter: string
}

const BY_TYPE: Readonly<Record<string, DeliveryFault>> = {
  AccountSuspendedException: 'misconfigured',
  SendingPausedException: 'misconfigured',
  MailFromDomainNotVerifiedException: 'misconfigured',
  NotFoundException: 'misconfigured',
  MessageRejected: 'refused',
  BadRequestException: 'refused',
  TooManyRequestsException: 'throttled',
  ThrottlingException: 'throttled',
  Throttling: 'throttled',
  LimitExceededException: 'throttled',
}

/** A quota of a day comes back bit by bit, so it is asked for again long before the day is over. */
const QUOTA_WAIT_MS = 900_000

/** Why SES did not take a message. */
export function sesFailure({ status, type, message, retryAfter }: SesRefusal): MailDeliveryError {
  const response = `${status} ${type} ${message}`
  const seconds = /^\d{1,5}$/.test(retryAfter) ? Number(retryAfter) : undefined
  const fault = faultOf(status, type, message)
  const quota = fault === 'throttled' && (type === 'LimitExceededException' || /\b(daily|quota)\b/i.test(message))
  const retryAfterMs = seconds !== undefined ? seconds * 1000 : quota ? QUOTA_WAIT_MS : undefined
  return new MailDeliveryError(fault, { response, retryAfterMs })
}

function faultOf(status: number, type: string, message: string): DeliveryFault {
  if (status === 429) return 'throttled'
  if (status >= 500) return 'unreachable'
  // Of us, or of the receiver while the account is in the sandbox: nothing about this message is wrong.
  if (/\bnot verified\b/i.test(message)) return 'misconfigured'
  return BY_TYPE[type] ?? (status === 400 || status === 413 ? 'refused' : 'misconfigured')
}
