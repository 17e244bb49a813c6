/*
 * One class for everything that is refused or fails on purpose. It knows no transport: a `kind` says what sort of
 * refusal it is, and the HTTP layer maps kinds to status codes in one exhaustive switch.
 *
 * What leaves the process: code, message, fields, retryable, retryAfterSeconds. What stays: context and cause, for the
 * log alone.
 */

/** The sort of a refusal, and the HTTP status that it becomes at the edge. */
export type ErrorKind =
  /** 400: the request cannot be read. */
  | 'malformed'
  /** 401: who is asking is not known. */
  | 'unauthenticated'
  /** 403: who is asking is known, and may not. */
  | 'forbidden'
  /** 404: it does not exist, or is not the caller's to see. */
  | 'not_found'
  /** 405 */
  | 'method_not_allowed'
  /** 408: the caller took too long. */
  | 'timeout'
  /** 409: it contradicts what is there now. */
  | 'conflict'
  /** 410: it existed and is no more. */
  | 'gone'
  /** 412: the precondition (If-Match) does not hold: somebody else was first. */
  | 'precondition_failed'
  /** 413 */
  | 'too_large'
  /** 415 */
  | 'unsupported_media_type'
  /** 422: it can be read, and breaks a rule; `fields` says where. */
  | 'invalid'
  /** 428: a precondition is required and missing. */
  | 'precondition_required'
  /** 429 */
  | 'rate_limited'
  /** 500: our own mistake. */
  | 'internal'
  /** 503: not now; try again. */
  | 'unavailable'

/** One row of an error table. */
export interface ErrorSpec<Code extends string = string> {
  /** Stable, snake_case, part of the API's contract. */
  readonly code: Code
  readonly kind: ErrorKind
  /** Public text: a whole sentence without any data of the request. */
  readonly message: string
  /**
   * Whether the same request may succeed later unchanged. Default: true for `rate_limited`, `timeout` and
   * `unavailable`, else false.
   */
  readonly retryable?: boolean
}

/** A rule broken by one field. */
export interface FieldError {
  /** JSON pointer (RFC 6901) from the request: `/body/target`, `/query/limit`. */
  readonly pointer: string
  /** Stable code of the rule, such as `required` or `too_long`. */
  readonly code: string
  /** Public text. */
  readonly message: string
}

/** An error table, as {@link defineErrors} takes it: the keys are the codes. */
export type ErrorTable = Record<string, Omit<ErrorSpec, 'code'>>

const CODE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/

/**
 * Makes the error specs of a package or a module from one table, so that the table can be listed, documented and
 * checked.
 *
 * @throws TypeError when a code is not snake_case
 */
export function defineErrors<const T extends ErrorTable>(table: T): { readonly [K in keyof T & string]: ErrorSpec<K> } {
  const specs: Record<string, ErrorSpec> = {}
  for (const [code, row] of Object.entries(table)) {
    if (!CODE.test(code)) throw new TypeError(`error code '${code}' is not snake_case`)
    specs[code] = Object.freeze({ ...row, code })
  }
  return Object.freeze(specs) as { readonly [K in keyof T & string]: ErrorSpec<K> }
}

/** The codes of the ground. Rooms add their own tables. */
export const errors = defineErrors({
  invalid_request: { kind: 'malformed', message: 'The request could not be read.' },
  invalid_cursor: { kind: 'malformed', message: 'The cursor is not one that this list gave out.' },
  unauthenticated: { kind: 'unauthenticated', message: 'Valid credentials are required.' },
  forbidden: { kind: 'forbidden', message: 'You are not allowed to do this.' },
  not_found: { kind: 'not_found', message: 'There is nothing here.' },
  method_not_allowed: { kind: 'method_not_allowed', message: 'This method is not supported here.' },
  request_timeout: { kind: 'timeout', message: 'The request took too long to arrive.' },
  conflict: { kind: 'conflict', message: 'The request contradicts the present state.' },
  idempotency_in_progress: {
    kind: 'conflict',
    message: 'A request with this idempotency key is still running.',
    retryable: true,
  },
  precondition_failed: { kind: 'precondition_failed', message: 'It was changed in the meantime. Read it again.' },
  payload_too_large: { kind: 'too_large', message: 'The request body is too large.' },
  unsupported_media_type: {
    kind: 'unsupported_media_type',
    message: 'The media type of the request is not supported.',
  },
  validation_failed: { kind: 'invalid', message: 'Some values are not valid.' },
  idempotency_key_reused: { kind: 'invalid', message: 'This idempotency key was used with another request.' },
  precondition_required: { kind: 'precondition_required', message: 'Send If-Match with the ETag that you read.' },
  rate_limited: { kind: 'rate_limited', message: 'Too many requests.' },
  internal: { kind: 'internal', message: 'Something went wrong on our side.' },
  invalid_options: { kind: 'internal', message: 'Some options are not valid.' },
  invalid_environment: { kind: 'internal', message: 'Some environment variables are not valid.' },
  unavailable: { kind: 'unavailable', message: 'A part of the system cannot be reached. Try again shortly.' },
  overloaded: { kind: 'unavailable', message: 'Too much work at the moment. Try again shortly.' },
})

/** A code of the ground. */
export type GroundErrorCode = keyof typeof errors

/** What a {@link StoaError} may be given beyond its spec. */
export interface StoaErrorOptions {
  /** Public text instead of the spec's. Never put a secret or another tenant's data into it. */
  readonly message?: string | undefined
  /** The fields at fault. */
  readonly fields?: readonly FieldError[] | undefined
  /** Private: for the log alone. */
  readonly context?: object | undefined
  /** Private: what led to this. */
  readonly cause?: unknown
  /** When to try again, in whole seconds, ≥ 0; a fraction is rounded up. */
  readonly retryAfterSeconds?: number | undefined
}

const nothing: object = Object.freeze({})

/** A refusal or failure with a stable code. `message` and `toJSON()` are public; `context` and `cause` are not. */
export class StoaError extends Error {
  readonly code: string
  readonly kind: ErrorKind
  /** The fields at fault; absent when the error is about no field. */
  declare readonly fields?: readonly FieldError[]
  /** Whether the same request may succeed later unchanged. */
  readonly retryable: boolean
  /** When to try again, in whole seconds; absent when not known. */
  declare readonly retryAfterSeconds?: number
  readonly #context: object

  constructor(spec: ErrorSpec<string>, options: StoaErrorOptions = {}) {
    super(options.message ?? spec.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = spec.code
    this.kind = spec.kind
    this.retryable = spec.retryable ?? retryableByKind(spec.kind)
    if (options.fields !== undefined) this.fields = options.fields
    const wait = options.retryAfterSeconds
    if (wait !== undefined && Number.isFinite(wait)) this.retryAfterSeconds = Math.max(0, Math.ceil(wait))
    this.#context = options.context ?? nothing
  }

  /** Private details for the log: not enumerable, not in `message`, not in `toJSON()`. Empty when none were given. */
  get context(): object {
    return this.#context
  }

  /** The public part. */
  toJSON(): PublicError {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.fields && { fields: this.fields }),
      ...(this.retryAfterSeconds !== undefined && { retryAfterSeconds: this.retryAfterSeconds }),
    }
  }
}

Object.defineProperty(StoaError.prototype, 'name', { value: 'StoaError', writable: true, configurable: true })

/** What the outside may see of a {@link StoaError}. */
export interface PublicError {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly fields?: readonly FieldError[]
  readonly retryAfterSeconds?: number
}

/**
 * Anything thrown, as a {@link StoaError}: itself when it is one, else `internal` with the thrown value as its cause,
 * so that nothing of an unexpected error reaches the outside.
 */
export function asStoaError(thrown: unknown): StoaError {
  return thrown instanceof StoaError ? thrown : new StoaError(errors.internal, { cause: thrown })
}

/** Whether `thrown` is a {@link StoaError} of this spec (by code). */
export function isError<Code extends string>(
  thrown: unknown,
  spec: ErrorSpec<Code>,
): thrown is StoaError & { readonly code: Code } {
  return thrown instanceof StoaError && thrown.code === spec.code
}

function retryableByKind(kind: ErrorKind): boolean {
  return kind === 'rate_limited' || kind === 'unavailable' || kind === 'timeout'
}
