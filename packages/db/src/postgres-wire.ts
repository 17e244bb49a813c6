/*
 * PostgreSQL over sockets, by `pg`: its pool, connection, TLS and authentication; the batches of batch.ts in place of
 * its own queries.
 *
 * A connection that breaks is thrown away and the pool opens another on the next demand. While the server cannot be
 * reached, an acquire tries again with jitter until its time is up, so a restart of the server costs a pause and not a
 * burst of errors. A server that falls silent is given up (silence.ts), and with the one connection all that were last
 * heard before.
 */
import type { Duplex } from 'node:stream'
import { backoffMs, type Clock, type Logger } from '@stoa/kernel'
import { Client, type ClientBase, type Connection, Pool, type PoolClient, type PoolConfig, type Submittable } from 'pg'
import { Batch, type BatchStatement, PreparedStatements, type StatementResult } from './batch.ts'
import { isConnectionLoss, serverError } from './db-errors.ts'
import type { PostgresOptions } from './options.ts'
import { listenOnPostgres } from './postgres-listen.ts'
import { SilenceWatch } from './silence.ts'
import type { DurabilitySettings, Wire, WireConnection, WireUsage } from './wire.ts'

export interface WireDeps {
  readonly log: Logger
  readonly clock: Clock
}

/** After so long without traffic, TCP asks whether the other side is there. */
const KEEP_ALIVE_MS = 10_000

/** Opens the pool; the first connection is made on the first demand. */
export function postgresWire(options: PostgresOptions, deps: WireDeps): Wire {
  const connectionConfig: PoolConfig = {
    connectionString: options.url,
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  }
  const pool = new Pool({
    ...connectionConfig,
    Client: LeavingClient,
    max: options.poolSize,
    connectionTimeoutMillis: options.acquireTimeoutMs,
    idleTimeoutMillis: 30_000,
  })
  pool.on('error', (error) => deps.log.warn({ err: error }, 'an idle database connection was lost'))
  const silence = new SilenceWatch(options.statementTimeoutMs)
  const connections = new WeakMap<PoolClient, PostgresConnection>()
  const directConfig = { ...connectionConfig, connectionString: options.directUrl ?? options.url }

  const direct = async (): Promise<WireConnection> => {
    const client = new LeavingClient({ ...directConfig, connectionTimeoutMillis: options.acquireTimeoutMs })
    await client.connect()
    const close = () => void client.end().catch(() => undefined)
    return new PostgresConnection(client, { prepares: true, silence: null, release: close })
  }
  const connect = async (): Promise<WireConnection> => {
    for (;;) {
      const client = await pool.connect()
      let connection = connections.get(client)
      if (!connection) {
        const release = (broken: boolean) => client.release(broken)
        connection = new PostgresConnection(client, { prepares: options.preparedStatements, silence, release })
        connections.set(client, connection)
      }
      if (connection.heardMs >= silence.silentSinceMs) return connection
      connection.release(true)
    }
  }

  return {
    engine: 'postgres',
    durability,
    acquire: () => retryUntil(deps.clock, options.acquireTimeoutMs, connect),
    acquireDirect: () => retryUntil(deps.clock, options.acquireTimeoutMs, direct),
    listen: (channel, onMessage, onGap) =>
      listenOnPostgres(() => new Client(directConfig), channel, { onMessage, onGap }, deps),
    usage: (): WireUsage => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    async [Symbol.asyncDispose]() {
      await pool.end()
      silence[Symbol.dispose]()
    },
  }
}

function durability({ fsync, synchronousCommit }: DurabilitySettings): string {
  if (fsync === 'on' && synchronousCommit !== 'off') return 'a committed write survives a crash and a power loss'
  return `a committed write may be lost by a crash of the server (fsync=${fsync}, synchronous_commit=${synchronousCommit})`
}

/** Tries until it succeeds, fails for another reason than a lost connection, or `timeoutMs` have passed. */
async function retryUntil<T>(clock: Clock, timeoutMs: number, connect: () => Promise<T>): Promise<T> {
  const deadline = clock.now() + timeoutMs
  for (let attempt = 0; ; attempt++) {
    try {
      return await connect()
    } catch (reported) {
      const error = serverError(reported as Error)
      const waitMs = backoffMs(attempt, 20, 500)
      if (!isConnectionLoss(error) || clock.now() + waitMs >= deadline) throw error
      await clock.sleep(waitMs)
    }
  }
}

type Connected = ((error: Error) => void) | ((error: null, client: Client) => void)

/**
 * Leaves when it cannot be let in. `pg` stays connected where it is itself that gives up (it was asked for a password
 * and has none), and the server waits a minute for its answer, for which the process would stay.
 */
class LeavingClient extends Client {
  override connect(): Promise<Client>
  override connect(callback: Connected): void
  override connect(callback?: Connected): Promise<Client> | undefined {
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.connect((error: Error | null) => (error ? reject(error) : resolve(this)))
      })
    }
    super.connect((error: Error | null) => {
      if (error) connectionOf(this).stream.destroy()
      ;(callback as (error: Error | null, client: Client) => void)(error, this)
    })
    return undefined
  }
}

interface ConnectionOptions {
  readonly prepares: boolean
  /** Gives it up when the server falls silent; null: a statement may take any time. */
  readonly silence: SilenceWatch | null
  release(broken: boolean): void
}

class PostgresConnection implements WireConnection {
  /** When the server answered last (`performance.now()`). */
  heardMs = performance.now()
  readonly #client: ClientBase
  readonly #options: ConnectionOptions
  readonly #prepared: PreparedStatements
  #current: Batch | null = null

  constructor(client: ClientBase, options: ConnectionOptions) {
    this.#client = client
    this.#options = options
    this.#prepared = new PreparedStatements(options.prepares)
    // `pg` tells a query of a finished Parse only by its name; the batch has several, so it listens at the connection.
    connectionOf(client).on('parseComplete', () => this.#current?.onParseComplete())
    // Without a listener a connection that dies while it is held would end the process; the query in flight gets the
    // error.
    client.on('error', () => undefined)
  }

  async send(statements: readonly BatchStatement[]): Promise<readonly StatementResult[]> {
    const batch = new Batch(statements, this.#prepared)
    this.#current = batch
    const { silence } = this.#options
    const awaited = silence?.await(statements, (error) => connectionOf(this.#client).stream.destroy(error))
    try {
      await new Promise<void>((resolve, reject) => {
        this.#client.query(new SubmittedBatch(batch, resolve, reject))
      })
      this.heardMs = performance.now()
    } finally {
      this.#current = null
      if (awaited) silence?.answered(awaited)
    }
    return batch.results
  }

  async script(sql: string): Promise<void> {
    try {
      await this.#client.query(sql)
    } catch (error) {
      throw serverError(error as Error)
    }
  }

  release(broken: boolean): void {
    this.#options.release(broken)
  }
}

/** The side of `pg` that its types leave out. */
function connectionOf(client: ClientBase): NodeJS.EventEmitter & { readonly stream: Duplex } {
  return (client as unknown as { connection: NodeJS.EventEmitter & { stream: Duplex } }).connection
}

/** A batch in the shape that `pg` queues and feeds with messages (as its cursors do). */
class SubmittedBatch implements Submittable {
  readonly #batch: Batch
  readonly #resolve: () => void
  readonly #reject: (error: Error) => void

  constructor(batch: Batch, resolve: () => void, reject: (error: Error) => void) {
    this.#batch = batch
    this.#resolve = resolve
    this.#reject = reject
  }

  submit(connection: Connection): void {
    connection.stream.write(this.#batch.bytes)
  }

  handleRowDescription(message: { fields: { name: string; dataTypeID: number }[] }): void {
    this.#batch.onRowDescription(message.fields)
  }

  handleDataRow(message: { fields: (string | null)[] }): void {
    this.#batch.onDataRow(message.fields)
  }

  handleCommandComplete(message: { text: string }): void {
    this.#batch.onCommandComplete(message.text)
  }

  handleEmptyQuery(): void {
    this.#batch.onCommandComplete('EMPTY')
  }

  handleError(error: Error): void {
    this.#batch.onError(serverError(error))
    this.#reject(this.#batch.error ?? error)
  }

  handleReadyForQuery(): void {
    if (this.#batch.error) this.#reject(this.#batch.error)
    else this.#resolve()
  }
}
