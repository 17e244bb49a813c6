/*
 * PGlite: PostgreSQL in this process, one connection. The batches of batch.ts go in through its protocol entrance as
 * the same bytes that PostgreSQL would get, and one waiting line makes the one connection safe for many callers.
 *
 * It computes on the event loop: while a statement runs, nothing else does.
 */
import { EventEmitter } from 'node:events'
import type { PGlite } from '@electric-sql/pglite'
import { parse, serialize } from 'pg-protocol'
import { Batch, type BatchStatement, PreparedStatements, type StatementResult } from './batch.ts'
import { serverError } from './db-errors.ts'
import type { WireField } from './row-decoder.ts'
import { identifier } from './sql-text.ts'
import type { Wire, WireConnection, WireUsage } from './wire.ts'

/** Makes a wire of an open PGlite; disposing closes PGlite. */
export function pgliteWire(pglite: PGlite, durability: string): Wire {
  const protocol = new PgliteProtocol(pglite)
  const line: (() => void)[] = []
  let held = false

  const next = (): void => {
    const waiter = line.shift()
    if (waiter) waiter()
    else held = false
  }

  const acquire = async (): Promise<WireConnection> => {
    if (held) await new Promise<void>((resolve) => line.push(resolve))
    held = true
    let released = false
    return {
      send: (statements) => protocol.send(statements),
      script: (sql) => protocol.script(sql),
      release(broken) {
        if (released) return
        released = true
        if (broken) protocol.reset()
        next()
      },
    }
  }

  return {
    engine: 'pglite',
    durability: () => durability,
    acquire,
    acquireDirect: acquire,
    listen: (channel, onMessage) => protocol.listen(acquire, channel, onMessage),
    usage: (): WireUsage => ({ open: 1, idle: held ? 0 : 1, waiting: line.length }),
    async [Symbol.asyncDispose]() {
      await acquire()
      await pglite.close()
    },
  }
}

/** A message from the engine; which further fields it has, its name says. */
interface ProtocolMessage {
  readonly name: string
}

class PgliteProtocol {
  readonly #pglite: PGlite
  readonly #prepared = new PreparedStatements(true)
  readonly #bytes = new EventEmitter()
  readonly #listeners = new Map<string, Set<(payload: string) => void>>()
  #receive: (message: ProtocolMessage) => void = () => undefined

  constructor(pglite: PGlite) {
    this.#pglite = pglite
    void parse(this.#bytes as unknown as NodeJS.ReadableStream, (message) => this.#receive(message))
  }

  async send(statements: readonly BatchStatement[]): Promise<readonly StatementResult[]> {
    const batch = new Batch(statements, this.#prepared)
    await this.#exchange(batch.bytes, batch)
    if (batch.error) throw batch.error
    return batch.results
  }

  async script(sql: string): Promise<void> {
    const batch = new Batch([], this.#prepared)
    await this.#exchange(serialize.query(sql), batch)
    if (batch.error) throw batch.error
  }

  /** A transaction may be open, and a plan may be stale: leave nothing of either. */
  reset(): void {
    this.#prepared.clear()
    this.#pglite.execProtocolRawSync(serialize.query('rollback'))
    this.#pglite.execProtocolRawSync(serialize.query('deallocate all'))
  }

  async listen(
    acquire: () => Promise<WireConnection>,
    channel: string,
    onMessage: (payload: string) => void,
  ): Promise<AsyncDisposable> {
    const change = async (command: string): Promise<void> => {
      const connection = await acquire()
      try {
        await connection.script(`${command} ${identifier(channel)}`)
      } finally {
        connection.release(false)
      }
    }
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(onMessage))
    if (listeners.size === 1) await change('listen')
    return {
      [Symbol.asyncDispose]: async () => {
        listeners.delete(onMessage)
        if (listeners.size === 0 && !this.#pglite.closed) await change('unlisten')
      },
    }
  }

  async #exchange(bytes: Buffer, batch: Batch): Promise<void> {
    this.#receive = (message) => this.#dispatch(message, batch)
    this.#bytes.emit('data', Buffer.from(await this.#pglite.execProtocolRaw(bytes)))
  }

  #dispatch(message: ProtocolMessage, batch: Batch): void {
    if (message.name === 'notification') this.#notify(message as unknown as { channel: string; payload: string })
    else COLLECT[message.name]?.(batch, message as never)
  }

  #notify({ channel, payload }: { channel: string; payload: string }): void {
    for (const listener of this.#listeners.get(channel) ?? []) queueMicrotask(() => listener(payload))
  }
}

/**
 * Which part of the batch a message belongs to; the others (bindComplete, noData, notices …) carry nothing that is
 * needed.
 */
const COLLECT: Readonly<Record<string, (batch: Batch, message: never) => void>> = {
  parseComplete: (batch) => batch.onParseComplete(),
  rowDescription: (batch, message: { fields: WireField[] }) => batch.onRowDescription(message.fields),
  dataRow: (batch, message: { fields: (string | null)[] }) => batch.onDataRow(message.fields),
  commandComplete: (batch, message: { text: string }) => batch.onCommandComplete(message.text),
  emptyQuery: (batch) => batch.onCommandComplete('EMPTY'),
  error: (batch, message: Error) => batch.onError(serverError(message)),
}
