import type { BatchStatement, StatementResult } from './batch.ts'

/** One connection, held by one caller until it is released. */
export interface WireConnection {
  /**
   * Sends the statements in one flush and gives their results in order. A batch without BEGIN is one transaction.
   *
   * @throws the first error, a {@link DatabaseError} or a socket error; nothing after the statement at fault was
   * executed
   */
  send(statements: readonly BatchStatement[]): Promise<readonly StatementResult[]>
  /** Runs a script of several statements by the simple protocol, outside any prepared statement. For migrations. */
  script(sql: string): Promise<void>
  /** Gives the connection back; `broken` throws it away instead, with everything prepared on it. */
  release(broken: boolean): void
}

/** A way to a database engine. */
export interface Wire extends AsyncDisposable {
  readonly engine: 'pglite' | 'postgres'
  /** @throws a connection error when none can be had in time */
  acquire(): Promise<WireConnection>
  /**
   * A connection of its own to the server itself, past any pooler; it is closed on release. On PGlite: the one
   * connection.
   */
  acquireDirect(): Promise<WireConnection>
  /** Delivers messages of a channel until disposed. `onGap` is called when messages may have been lost. */
  listen(channel: string, onMessage: (payload: string) => void, onGap: () => void): Promise<AsyncDisposable>
  /** What a committed write survives, in words, for health reports. */
  durability(settings: DurabilitySettings): string
  /** Connections in use, idle and waited for. */
  usage(): WireUsage
}

/** How busy the connections are. */
export interface WireUsage {
  readonly open: number
  readonly idle: number
  readonly waiting: number
}

/** What the server says of its own durability. */
export interface DurabilitySettings {
  readonly fsync: string
  readonly synchronousCommit: string
}
