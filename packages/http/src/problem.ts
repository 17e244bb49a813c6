/*
 * Every refusal leaves as problem+json (RFC 9457):
 *
 *   type       urn:stoa:error:<code>
 *   title      the code in words; the same at every occurrence
 *   status     from the kind of the error, by the one switch below
 *   detail     the public message
 *   code       stable, snake_case
 *   requestId  what to quote when asking for help
 *   errors     on 422 (and an invalid cursor): [{ pointer, code, message }]
 *
 * Whatever fails on our side (500) has the one code `internal` and its constant text. What is private (context, cause,
 * stack) goes to the log alone.
 */
import { type ErrorKind, type ErrorSpec, errors, type FieldError, type StoaError } from '@stoa/kernel'
import { protocolErrors } from './protocol-errors.ts'

/** The media type of every refusal. */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** The body of a refusal. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly requestId: string
  readonly errors?: readonly FieldError[]
}

/** The HTTP status of a kind of error. */
function statusOf(kind: ErrorKind): number {
  switch (kind) {
    case 'malformed':
      return 400
    case 'unauthenticated':
      return 401
    case 'forbidden':
      return 403
    case 'not_found':
      return 404
    case 'method_not_allowed':
      return 405
    case 'timeout':
      return 408
    case 'conflict':
      return 409
    case 'gone':
      return 410
    case 'precondition_failed':
      return 412
    case 'too_large':
      return 413
    case 'unsupported_media_type':
      return 415
    case 'invalid':
      return 422
    case 'precondition_required':
      return 428
    case 'rate_limited':
      return 429
    case 'internal':
      return 500
    case 'unavailable':
      return 503
    default:
      return unknownKind(kind)
  }
}

function unknownKind(kind: never): number {
  throw new TypeError(`an error of the unknown kind '${String(kind)}'`)
}

/** The status of an error: that of its kind, but for the two that HTTP tells apart from 413. */
export function statusOfError(error: Pick<ErrorSpec, 'code' | 'kind'>): number {
  if (error.code === protocolErrors.uri_too_long.code) return 414
  if (error.code === protocolErrors.headers_too_large.code) return 431
  return statusOf(error.kind)
}

const internal: { readonly code: string; readonly message: string; readonly fields?: readonly FieldError[] } =
  errors.internal

/** The body for an error. */
export function problemOf(error: StoaError, requestId: string): Problem {
  const { code, message, fields } = error.kind === 'internal' ? internal : error
  return {
    type: `urn:stoa:error:${code}`,
    title: titleOf(code),
    status: statusOfError(error),
    detail: message,
    code,
    requestId,
    ...(fields && { errors: fields }),
  }
}

/** `idempotency_key_reused` → `Idempotency key reused`, `malformed_json` → `Malformed JSON`. */
export function titleOf(code: string): string {
  const words = code.split('_').map((word) => (INITIALS.has(word) ? word.toUpperCase() : word))
  const text = words.join(' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Words of codes that are written in capitals. */
const INITIALS: ReadonlySet<string> = new Set(['api', 'json', 'scim', 'uri'])

/** Seconds for `Retry-After`; null when trying again does not help. */
export function retryAfterOf(error: StoaError): number | null {
  if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds
  return error.retryable ? 1 : null
}
