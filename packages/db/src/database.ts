import { type BaseCtx, backoffMs, type Ctx } from '@stoa/kernel'
import type { StatementResult } from './batch.ts'
import { isRetryable, isStalePlan, publicError } from './db-errors.ts'
import { Frames } from './frame.ts'
import { TransactionGuard } from './guard.ts'
import { APP_ROLE, SYSTEM_ROLE } from './migration.ts'
import type { DatabaseDeps } from './options.ts'
import { encodeParameter } from './parameters.ts'
import { type Begin, type Frame, OpenTransaction, StatementReads, type Tx } from './transaction.ts'
import type { DurabilitySettings, Wire, WireConnection, WireUsage } from './wire.ts'

/** How a transaction runs. */
export interface TransactionOptions {
  /**
   * `read committed` (each statement sees what was committed before it), `repeatable read` or `serializable` (one
   * snapshot; conflicts are tried again, so the function must be free of effects outside of the database). Default
   * `read committed`.
   */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
}

/** How a read runs. */
export interface ReadOptions {
  /**
   * One snapshot for all statements, in one held transaction. Default false: each statement by itself, which is faster
   * and holds nothing.
   */
  readonly snapshot?: boolean
}

/**
 * A connection as the login role, for migrations and the doctor. It belongs to no tenant: business code has no use for
 * it.
 */
export interface AdminSession {
  /** Runs a script of one or more statements. */
  exec(sql: string): Promise<void>
  /** Runs one statement with parameters `$1 … $n`; rows have camelCase keys. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>
}

/** What a health report says of the database. */
export interface DatabaseCheck {
  readonly ok: boolean
  /** What a committed write survives, in words. */
  readonly durability: string
  /** Why it is not well; absent when it is. */
  readonly detail?: string
}

/** A database: PGlite or PostgreSQL, the same to its users. */
export interface Database extends AsyncDisposable {
  readonly engine: 'pglite' | 'postgres'
  /**
   * Runs `fn` in one transaction of the tenant: everything in it is kept, or nothing. Inside an open transaction of the
   * same tenant it joins that one. Serialization failures and deadlocks run it again, up to 5 times with jitter, so
   * `fn` must have no effect outside of the database.
   *
   * @throws whatever `fn` throws, after rolling back
   * @throws StoaError `unavailable` when the database cannot be reached, has no connection free in time, or ran out of
   * attempts
   * @throws NestedTransactionError inside an open transaction of another tenant
   */
  transaction<T>(ctx: Ctx, fn: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * Reads as the tenant; cannot write. Inside an open transaction of the same tenant it reads there, and sees what was
   * written. Throws as {@link transaction}.
   */
  read<T>(ctx: Ctx, fn: (tx: Tx) => Promise<T>, options?: ReadOptions): Promise<T>
  /**
   * As {@link transaction}, over all tenants: for journal readers, key look-up and tenant administration. Rooms of
   * schema-placed tenants are out of its sight.
   */
  system<T>(ctx: BaseCtx, fn: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** As {@link read}, over all tenants. */
  systemRead<T>(ctx: BaseCtx, fn: (tx: Tx) => Promise<T>, options?: ReadOptions): Promise<T>
  /** Holds one connection as the login role while `fn` runs; nothing that was set on it remains. */
  admin<T>(fn: (session: AdminSession) => Promise<T>): Promise<T>
  /**
   * Calls `onMessage` for each NOTIFY of the channel until disposed. A hint may be lost: `onGap` is called when that
   * may have happened.
   */
  listen(channel: string, onMessage: (payload: string) => void, onGap?: () => void): Promise<AsyncDisposable>
  /** Sends a NOTIFY in a transaction of its own; payload up to 7 999 bytes. */
  notify(channel: string, payload: string): Promise<void>
  /** Asks the server for a sign of life. Never throws. */
  check(): Promise<DatabaseCheck>
  /** How busy the connections are. */
  usage(): WireUsage
  /** Whether the caller is inside of an open transaction, and so would read what nobody else can see yet. */
  inTransaction(): boolean
}

/** How often a transaction runs at most when others get in its way. */
const MAX_ATTEMPTS = 5

/** The database over a wire. */
export class WireDatabase implements Database {
  readonly engine: 'pglite' | 'postgres'
  readonly #wire: Wire
  readonly #deps: DatabaseDeps
  readonly #frames: Frames
  readonly #guard = new TransactionGuard()
  readonly #acquire: () => Promise<WireConnection>

  constructor(wire: Wire, statementTimeoutMs: number, deps: DatabaseDeps) {
    this.engine = wire.engine
    this.#wire = wire
    this.#deps = deps
    this.#frames = new Frames(statementTimeoutMs)
    const { instrument } = deps
    this.#acquire = instrument ? async () => instrumented(await wire.acquire(), instrument) : () => wire.acquire()
  }

  transaction<T>(ctx: Ctx, fn: (tx: Tx) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.#transaction(this.#frames.ofTenant(ctx.tenant).write, APP_ROLE, fn, beginOf(options))
  }

  read<T>(ctx: Ctx, fn: (tx: Tx) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    return this.#read(this.#frames.ofTenant(ctx.tenant).read, APP_ROLE, fn, options)
  }

  system<T>(_ctx: BaseCtx, fn: (tx: Tx) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.#transaction(this.#frames.system.write, SYSTEM_ROLE, fn, beginOf(options))
  }

  systemRead<T>(_ctx: BaseCtx, fn: (tx: Tx) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    return this.#read(this.#frames.system.read, SYSTEM_ROLE, fn, options)
  }

  async #read<T>(frame: Frame, role: string, fn: (tx: Tx) => Promise<T>, options: ReadOptions): Promise<T> {
    const joined = this.#guard.joinable(role, frame.tenantId)
    if (joined) return fn(joined)
    if (options.snapshot) return this.#transaction(frame, role, fn, 'begin isolation level repeatable read read only')
    try {
      return await fn(new StatementReads(frame, this.#acquire))
    } catch (error) {
      throw publicError(error)
    }
  }

  async #transaction<T>(frame: Frame, role: string, fn: (tx: Tx) => Promise<T>, begin: Begin): Promise<T> {
    const joined = this.#guard.joinable(role, frame.tenantId)
    if (joined) return fn(joined)
    for (let attempt = 1; ; attempt++) {
      const tx = new OpenTransaction(frame, this.#acquire, begin)
      try {
        return await this.#attempt(tx, role, fn)
      } catch (error) {
        const passes = isRetryable(error) || isStalePlan(error) || tx.retriesOn(error)
        if (attempt >= MAX_ATTEMPTS || !passes) throw publicError(error)
        await this.#deps.clock.sleep(backoffMs(attempt, 10, 200))
      }
    }
  }

  async #attempt<T>(tx: OpenTransaction, role: string, fn: (tx: Tx) => Promise<T>): Promise<T> {
    let result: T
    try {
      result = await this.#guard.run(tx, role, () => fn(tx))
    } catch (error) {
      await tx.rollback(error)
      throw error
    }
    await tx.commit((error) => this.#deps.log.error({ err: error }, 'a callback after a commit failed'))
    return result
  }

  async admin<T>(fn: (session: AdminSession) => Promise<T>): Promise<T> {
    this.#guard.joinable('admin', null)
    const connection = await this.#wire.acquireDirect()
    try {
      return await fn(adminSession(connection))
    } finally {
      await connection.script('rollback; reset role; reset all; select pg_advisory_unlock_all()').catch(() => undefined)
      connection.release(true)
    }
  }

  listen(
    channel: string,
    onMessage: (payload: string) => void,
    onGap: () => void = () => undefined,
  ): Promise<AsyncDisposable> {
    return this.#wire.listen(channel, onMessage, onGap)
  }

  async notify(channel: string, payload: string): Promise<void> {
    // A hint that a crash of the server takes with it is one that nobody is there to hear: its commit waits for no disk.
    await this.#send("select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)", [channel, payload])
  }

  async check(): Promise<DatabaseCheck> {
    try {
      const [row] = await this.#send(
        "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit",
        [],
      )
      return { ok: true, durability: this.#wire.durability(row as unknown as DurabilitySettings) }
    } catch (error) {
      return { ok: false, durability: 'unknown', detail: error instanceof Error ? error.message : String(error) }
    }
  }

  usage(): WireUsage {
    return this.#wire.usage()
  }

  inTransaction(): boolean {
    return this.#guard.isOpen
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire[Symbol.asyncDispose]()
  }

  async #send(sql: string, parameters: readonly string[]): Promise<Record<string, unknown>[]> {
    this.#guard.joinable('login', null)
    const connection = await this.#acquire()
    let broken = true
    try {
      const [result] = await connection.send([{ sql, parameters, planKey: '' }])
      broken = false
      return (result as StatementResult).rows
    } finally {
      connection.release(broken)
    }
  }
}

function beginOf({ isolation = 'read committed' }: TransactionOptions): Begin {
  return isolation === 'read committed' ? 'begin' : `begin isolation level ${isolation}`
}

function adminSession(connection: WireConnection): AdminSession {
  return {
    exec: (sql) => connection.script(sql),
    async query<Row>(sql: string, parameters: readonly unknown[] = []) {
      const [result] = await connection.send([{ sql, parameters: parameters.map(encodeParameter), planKey: 'admin' }])
      return (result as StatementResult).rows as Row[]
    },
  }
}

function instrumented(connection: WireConnection, instrument: NonNullable<DatabaseDeps['instrument']>): WireConnection {
  return {
    send: (statements) => instrument(statements.at(-1)?.sql ?? '', () => connection.send(statements)),
    script: (sql) => instrument(sql, () => connection.script(sql)),
    release: (broken) => connection.release(broken),
  }
}
