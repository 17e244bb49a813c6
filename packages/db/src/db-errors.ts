import { errors, StoaError } from '@stoa/kernel'

/** An error that the database server reported. The SQLSTATE codes are PostgreSQL's (manual, appendix A). */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly sqlState: string
  readonly constraint: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly #detail: string | undefined

  constructor(message: string, fields: ServerErrorFields) {
    super(message)
    this.sqlState = fields.code ?? 'XX000'
    this.constraint = fields.constraint
    this.table = fields.table
    this.column = fields.column
    this.#detail = fields.detail
  }

  /**
   * It quotes rows (`Key (email)=(…) already exists`), so it is no property of its own: logs and dumps of the error
   * leave it out.
   */
  get detail(): string | undefined {
    return this.#detail
  }
}

/** The fields of an ErrorResponse that are kept. */
export interface ServerErrorFields {
  readonly code?: string | undefined
  readonly constraint?: string | undefined
  readonly table?: string | undefined
  readonly column?: string | undefined
  readonly detail?: string | undefined
}

/**
 * Wraps whatever the wire reports: an ErrorResponse becomes a {@link DatabaseError}, a broken socket stays what it is.
 */
export function serverError(reported: Error & ServerErrorFields): Error {
  if (reported instanceof DatabaseError) return reported
  return typeof reported.code === 'string' && /^[0-9A-Z]{5}$/.test(reported.code)
    ? new DatabaseError(reported.message, reported)
    : reported
}

/** Whether the error is the violation of a unique key (23505), of the named one if a name is given. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof DatabaseError &&
    error.sqlState === '23505' &&
    (constraint === undefined || error.constraint === constraint)
  )
}

/**
 * Serialization failure (40001), deadlock (40P01), and a row for the default partition whose own partition came while
 * it waited (23514, which names no constraint): the whole transaction may succeed when it runs again.
 */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false
  const { constraint, sqlState } = error
  return sqlState === '40001' || sqlState === '40P01' || (sqlState === '23514' && constraint === undefined)
}

/**
 * Whether a prepared statement no longer fits: a table changed its columns under it (0A000 "cached plan must not change
 * result type"), or a pooler lost it (26000) or kept another one under its name (42P05). A fresh connection cures each.
 */
export function isStalePlan(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false
  if (error.sqlState === '26000' || error.sqlState === '42P05') return true
  return error.sqlState === '0A000' && error.message.includes('cached plan')
}

/**
 * Whether the connection is gone or the server is not up: class 08, class 57P (shutdown, crash, starting up), or a
 * socket error.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(08...|57P0[1-5])$/.test(error.sqlState)
  return (
    error instanceof Error && !(error instanceof StoaError) && CONNECTION_LOST.test(`${codeOf(error)} ${error.message}`)
  )
}

const CONNECTION_LOST =
  /ECONNREFUSED|ECONNRESET|ECONNABORTED|ENOTCONN|EPIPE|ERR_STREAM_DESTROYED|ERR_STREAM_WRITE_AFTER_END|ERR_SOCKET_CLOSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|ENOTFOUND|EAI_AGAIN|Connection terminated|connection timeout|timeout expired|not queryable|Cannot use a pool after|timeout exceeded when trying to connect/i

function codeOf(error: Error): string {
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return code
  return error instanceof AggregateError
    ? error.errors.map((inner) => (inner instanceof Error ? codeOf(inner) : '')).join(' ')
    : ''
}

/**
 * Limits and time-outs of the server that say "not now": lock (55P03), statement (57014), connections (53300), disk and
 * memory (53xxx).
 */
function isOverload(error: unknown): boolean {
  return error instanceof DatabaseError && /^(55P03|57014|53...)$/.test(error.sqlState)
}

/** What leaves this package: trouble that passes is `unavailable` (retryable); everything else stays as it is. */
export function publicError(error: unknown): unknown {
  if (isConnectionLoss(error) || isOverload(error) || isRetryable(error)) {
    return new StoaError(errors.unavailable, {
      cause: error,
      retryAfterSeconds: 1,
      context: { database: error instanceof DatabaseError ? error.sqlState : 'connection lost' },
    })
  }
  return error
}
