import { Alarm, backoffMs } from '@stoa/kernel'
import { deliver } from './delivery.ts'
import type { JournalEvent } from './event.ts'
import { horizon } from './event-store.ts'
import { follow, pause } from './follow.ts'
import { type Position, positionOf } from './position.ts'
import { EVENTS_TOPIC, type ReaderDeps } from './reader.ts'
import type { ResolvedTailOptions } from './reader-options.ts'
import { stuckReport } from './signals.ts'

/**
 * The live tail: every event from now on, in every process that has one, with its place in memory alone. For what a
 * process keeps in memory itself: caches, open connections. It begins at the horizon: events of transactions that are
 * in flight now belong to it.
 */
export class LiveTail implements AsyncDisposable {
  /** Resolves with its place: every event behind it will be delivered. Null when it is disposed before it has one. */
  readonly ready: Promise<Position | null>
  readonly #closing = new AbortController()
  readonly #alarm = new Alarm()
  readonly #running: Promise<void>

  constructor(
    deps: ReaderDeps,
    options: ResolvedTailOptions,
    handle: (events: readonly JournalEvent[], signal: AbortSignal) => Promise<void>,
  ) {
    this.#closing.signal.addEventListener('abort', () => this.#alarm.ring())
    const started = Promise.withResolvers<Position | null>()
    this.ready = started.promise
    this.#running = this.#run(deps, options, handle, started.resolve)
  }

  /** Waits for the present call of the handler, whose signal aborts. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(
    deps: ReaderDeps,
    options: ResolvedTailOptions,
    handle: (events: readonly JournalEvent[], signal: AbortSignal) => Promise<void>,
    started: (place: Position | null) => void,
  ): Promise<void> {
    const { ctx, feed, hints, observe } = deps
    const { name } = options
    const { signal } = this.#closing
    using _hinted = hints.subscribe(EVENTS_TOPIC, () => this.#alarm.ring())
    const position = await now(deps, name, signal)
    started(position)
    if (position === null) return
    const onStuck = stuckReport(name, ctx.log, observe, options.onStuck)
    const shared = { ...options, onStuck, clock: ctx.clock, log: ctx.log, signal, observe }
    await follow(position, {
      ...shared,
      alarm: this.#alarm,
      read: (after, limit) => feed.page(after, limit),
      deliver: async (events) => {
        await deliver(events, {
          ...shared,
          attempt: (batch) => handle(batch, signal),
          isFinal: () => false,
          onFailure: async () => undefined,
        })
      },
    })
  }
}

/** The present horizon, however long the database is away; null when the signal aborts first. */
async function now({ ctx, db }: ReaderDeps, name: string, signal: AbortSignal): Promise<Position | null> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const { xid } = await db.systemRead(ctx, (tx) => tx.one(horizon()))
      return positionOf(xid, 0)
    } catch (err) {
      ctx.log.warn({ err, reader: name }, 'a tail could not find its place: trying again')
      await pause(backoffMs(attempt, 100, 5_000), signal)
    }
  }
  return null
}
