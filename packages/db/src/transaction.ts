import { errors, StoaError } from '@stoa/kernel'
import type { BatchStatement, StatementResult } from './batch.ts'
import { isConnectionLoss, isStalePlan, publicError } from './db-errors.ts'
import { encodeParameter } from './parameters.ts'
import { compiled, type Query } from './statement.ts'
import type { WireConnection } from './wire.ts'

/**
 * A transaction, bound to a role, a tenant and a search path. Store functions take it as their first argument and send
 * SQL by nothing else.
 *
 * Statements that are started without waiting for each other (`Promise.all`) leave in one flush, in the order in which
 * they were started.
 */
export interface Tx {
  /** The tenant that the rows belong to; null in a system transaction, which sees all tenants. */
  readonly tenantId: string | null
  /** All rows. */
  many<Row>(query: Query<Row>): Promise<Row[]>
  /** The first row, or undefined. */
  maybe<Row>(query: Query<Row>): Promise<Row | undefined>
  /** The first row. @throws StoaError `internal` when there is none */
  one<Row>(query: Query<Row>): Promise<Row>
  /** How many rows were written. */
  run(query: Query<unknown>): Promise<number>
  /**
   * Sends a statement along with the next one, or with the COMMIT: it costs no round trip, and its failure fails the
   * transaction. For writes whose outcome nobody needs to wait for: events, jobs, idempotency records.
   */
  later<Row>(query: Query<Row>, options?: LaterOptions<Row>): void
  /** Calls `fn` once the COMMIT is acknowledged. For hints inside this process alone: a crash loses it. */
  afterCommit(fn: () => void): void
}

/** What a statement may say that is sent along. */
export interface LaterOptions<Row> {
  /**
   * Gets the first row, and all of them, as soon as they are known, before anybody gets a result of the same flush. By
   * then the transaction may be committed.
   */
  readonly seen?: (row: Row, rows: readonly Row[]) => void
  /** Failures after which the whole transaction runs again, because it will choose another value: a number, a code. */
  readonly retryOn?: (error: unknown) => boolean
}

/** What every statement of a transaction is wrapped in. */
export interface Frame {
  /** Sets role, tenant, search path and time-out until the end of the transaction. */
  readonly statement: BatchStatement
  readonly planKey: string
  readonly tenantId: string | null
}

/** The statement that opens a transaction. */
export type Begin =
  | 'begin'
  | 'begin isolation level repeatable read'
  | 'begin isolation level serializable'
  | 'begin isolation level repeatable read read only'

abstract class FramedTx implements Tx {
  readonly tenantId: string | null
  protected readonly frame: Frame

  constructor(frame: Frame) {
    this.frame = frame
    this.tenantId = frame.tenantId
  }

  protected abstract execute(statement: BatchStatement): Promise<StatementResult>
  abstract later<Row>(query: Query<Row>, options?: LaterOptions<Row>): void
  abstract afterCommit(fn: () => void): void

  async many<Row>(query: Query<Row>): Promise<Row[]> {
    const { rows } = await this.#run(query)
    return rows as Row[]
  }

  async maybe<Row>(query: Query<Row>): Promise<Row | undefined> {
    const { rows } = await this.#run(query)
    return rows[0] as Row | undefined
  }

  async one<Row>(query: Query<Row>): Promise<Row> {
    const { rows } = await this.#run(query)
    if (rows.length === 0) {
      throw new StoaError(errors.internal, { context: { expected: 'one row', sql: compiled(query).sql } })
    }
    return rows[0] as Row
  }

  async run(query: Query<unknown>): Promise<number> {
    const { count } = await this.#run(query)
    return count
  }

  async #run(query: Query<unknown>): Promise<StatementResult> {
    try {
      return await this.execute(this.prepare(query))
    } catch (error) {
      // The error was made where the socket was read; the stack that helps is the caller's.
      if (error instanceof Error) Error.captureStackTrace(error)
      throw error
    }
  }

  protected prepare(query: Query<unknown>): BatchStatement {
    const { sql, parameters } = compiled(query)
    return { sql, parameters: parameters.map(encodeParameter), planKey: this.frame.planKey }
  }
}

/**
 * Reading without holding anything: each statement is a transaction of its own, sent in one flush together with its
 * frame, on whatever connection is free. When that is lost, another one is tried, because reading twice harms nobody;
 * whoever was given none has waited long enough.
 */
export class StatementReads extends FramedTx {
  readonly #acquire: () => Promise<WireConnection>

  constructor(frame: Frame, acquire: () => Promise<WireConnection>) {
    super(frame)
    this.#acquire = acquire
  }

  later(): void {
    throw new TypeError('a read writes nothing: use db.transaction')
  }

  afterCommit(fn: () => void): void {
    fn()
  }

  protected async execute(statement: BatchStatement): Promise<StatementResult> {
    const connection = await this.#acquire()
    try {
      return await this.#send(connection, statement)
    } catch (error) {
      if (!isConnectionLoss(error) && !isStalePlan(error)) throw error
      return await this.#send(await this.#acquire(), statement)
    }
  }

  async #send(connection: WireConnection, statement: BatchStatement): Promise<StatementResult> {
    let broken = false
    try {
      const results = await connection.send([this.frame.statement, statement])
      return results[1] as StatementResult
    } catch (error) {
      broken = isConnectionLoss(error) || isStalePlan(error)
      throw error
    } finally {
      connection.release(broken)
    }
  }
}

interface Waiting {
  readonly statement: BatchStatement
  resolve(result: StatementResult): void
  reject(error: unknown): void
}

const COMMIT: BatchStatement = { sql: 'commit', parameters: [], planKey: '' }
const ROLLBACK: BatchStatement = { sql: 'rollback', parameters: [], planKey: '' }
const ignore = (): void => undefined

/**
 * A transaction over several round trips. The first flush carries BEGIN and the frame, the last one the COMMIT; when
 * there is only one, the server's implicit transaction does and neither is sent. The connection is taken at the first
 * flush.
 */
export class OpenTransaction extends FramedTx {
  readonly #acquire: () => Promise<WireConnection>
  readonly #begin: Begin
  readonly #callbacks: (() => void)[] = []
  readonly #retryOn: ((error: unknown) => boolean)[] = []
  #connection: WireConnection | null = null
  #queue: Waiting[] = []
  #awaited = false
  #flushing: Promise<void> | null = null
  #begun = false
  #failure: { readonly error: unknown } | null = null
  #ended = false

  constructor(frame: Frame, acquire: () => Promise<WireConnection>, begin: Begin) {
    super(frame)
    this.#acquire = acquire
    this.#begin = begin
  }

  /** Whether it was committed or rolled back. */
  get ended(): boolean {
    return this.#ended
  }

  later<Row>(query: Query<Row>, { retryOn, seen }: LaterOptions<Row> = {}): void {
    this.#assertOpen()
    if (retryOn) this.#retryOn.push(retryOn)
    const resolve = seen ? ({ rows }: StatementResult) => seen(rows[0] as Row, rows as Row[]) : ignore
    this.#queue.push({ statement: this.prepare(query), resolve, reject: ignore })
  }

  /** Whether one of its statements asked to run again after such a failure. */
  retriesOn(error: unknown): boolean {
    return this.#retryOn.some((asked) => asked(error))
  }

  afterCommit(fn: () => void): void {
    this.#callbacks.push(fn)
  }

  protected execute(statement: BatchStatement): Promise<StatementResult> {
    this.#assertOpen()
    const outcome = new Promise<StatementResult>((resolve, reject) => {
      this.#queue.push({ statement, resolve, reject })
    })
    // A statement that nobody waits for still fails the COMMIT; its own promise must not end the process.
    outcome.catch(ignore)
    this.#awaited = true
    this.#flushing ??= this.#flushWhileAwaited()
    return outcome
  }

  /**
   * Sends what is left and the COMMIT, then calls the callbacks. @throws the failure of any statement, after rolling
   * back
   */
  async commit(onCallbackError: (error: unknown) => void): Promise<void> {
    await this.#flushing
    if (this.#failure) return await this.#fail(this.#failure.error)
    this.#ended = true
    try {
      if (this.#begun || this.#queue.length > 0) await this.#flush(true)
    } catch (error) {
      return await this.#fail(error)
    }
    this.#release(false)
    for (const callback of this.#callbacks) {
      try {
        callback()
      } catch (error) {
        onCallbackError(error)
      }
    }
  }

  /**
   * Undoes everything. Never throws: a connection that cannot even roll back is thrown away, and the server rolls back.
   */
  async rollback(reason: unknown): Promise<void> {
    await this.#flushing?.catch(ignore)
    this.#ended = true
    for (const waiting of this.#queue.splice(0)) waiting.reject(reason)
    const cause = this.#failure?.error ?? reason
    let broken = isConnectionLoss(cause) || isStalePlan(cause)
    if (this.#connection && this.#begun && !isConnectionLoss(cause)) {
      try {
        await this.#connection.send([ROLLBACK])
      } catch {
        broken = true
      }
    }
    this.#release(broken)
  }

  async #fail(error: unknown): Promise<never> {
    await this.rollback(error)
    throw error
  }

  /**
   * One flush after the other, as long as somebody waits for a result. What is queued in the meantime leaves with the
   * next one.
   */
  async #flushWhileAwaited(): Promise<void> {
    await undefined
    while (this.#awaited && !this.#failure) {
      this.#awaited = false
      await this.#flush(false).catch(ignore)
    }
    this.#flushing = null
  }

  async #flush(commits: boolean): Promise<void> {
    const batch = this.#queue
    this.#queue = []
    try {
      this.#connection ??= await this.#acquire()
      const implicit = commits && !this.#begun && this.#begin === 'begin'
      const opening = this.#begun
        ? []
        : implicit
          ? [this.frame.statement]
          : [this.#beginStatement(), this.frame.statement]
      const closing = commits && !implicit ? [COMMIT] : []
      this.#begun ||= !implicit
      const results = await this.#connection.send([...opening, ...batch.map((item) => item.statement), ...closing])
      // The server answers a COMMIT of a failed transaction with ROLLBACK and no error.
      if (closing.length > 0 && results.at(-1)?.command !== 'COMMIT') throw new Error('the transaction was rolled back')
      for (const [index, item] of batch.entries()) item.resolve(results[opening.length + index] as StatementResult)
    } catch (error) {
      this.#failure = { error }
      for (const item of [...batch, ...this.#queue.splice(0)]) item.reject(error)
      throw error
    }
  }

  #beginStatement(): BatchStatement {
    return { sql: this.#begin, parameters: [], planKey: '' }
  }

  #release(broken: boolean): void {
    this.#connection?.release(broken)
    this.#connection = null
  }

  #assertOpen(): void {
    if (this.#failure) throw publicError(this.#failure.error)
    if (this.#ended) throw new Error('this transaction has ended: a statement was started after its function returned')
  }
}
