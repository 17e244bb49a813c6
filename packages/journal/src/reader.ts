/*
 * A durable reader: one cursor in the database, many processes that would read it, one that does.
 *
 *            nobody holds it                    fence still ours
 *   standby ────────────────► holding ◄──────────────────────────┐
 *      ▲  acquire: fence + 1     │   ├─ deliver ─► completed ─────┤ keeper: saves the cursor, renews the lease
 *      │                         │   └─ (transactional: handler and cursor in one commit)
 *      ├──── lost ◄──────────────┤ a write bound to the fence changed no row: another process took over
 *      └──── released ◄──────────┘ disposed: last save, then the lease ends now
 *
 * The lease only decides who should read; the fence decides who can move the cursor. A holder that slept through its
 * lease may still be in its handler while the next one reads the same events, which is what "at least once" allows; it
 * cannot save, renew, or commit a transactional batch, because each of those names a fence that is gone. Lease times
 * are the database's clock, so the clocks of machines do not matter.
 *
 * Rejected: an advisory lock as the lease (needs a session of its own, which a pooler takes away, and tells nothing to
 * a holder that lost it); saving the cursor after each batch (a commit per batch, hundreds a second on a busy journal).
 */
import { randomUUID } from 'node:crypto'
import type { Database, Tx } from '@stoa/db'
import { Alarm, type BaseCtx, isError, StoaError, systemClock } from '@stoa/kernel'
import { type Delivery, deliver } from './delivery.ts'
import { journalErrors } from './errors.ts'
import type { JournalEvent } from './event.ts'
import type { Feed } from './feed.ts'
import { follow, pause } from './follow.ts'
import type { Hints } from './hints.ts'
import { type Position, positionOf, positionParts } from './position.ts'
import type { ResolvedReaderOptions } from './reader-options.ts'
import {
  type AcquiredRow,
  leaseRenewed,
  readerAcquired,
  readerAdvanced,
  readerFailed,
  readerFree,
  readerReleased,
} from './reader-store.ts'
import { type JournalSignal, stuckReport } from './signals.ts'

/** What readers of every kind are given by the journal. */
export interface ReaderDeps {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly feed: Feed
  readonly hints: Hints
  readonly observe: (signal: JournalSignal) => void
}

/** `tx` is the transaction that moves the cursor, for a transactional reader; else null. */
export type Handle = (events: readonly JournalEvent[], signal: AbortSignal, tx: Tx | null) => Promise<void>

/** Hinted when events were committed. */
export const EVENTS_TOPIC = 'journal.events'
/** Hinted when a durable reader was given back. */
const READERS_TOPIC = 'journal.readers'

/** Runs until disposed. */
export class DurableReader implements AsyncDisposable {
  readonly #deps: ReaderDeps
  readonly #options: ResolvedReaderOptions
  readonly #handle: Handle
  readonly #closing = new AbortController()
  readonly #standby = new Alarm()
  readonly #running: Promise<void>

  constructor(deps: ReaderDeps, options: ResolvedReaderOptions, handle: Handle) {
    this.#deps = deps
    this.#options = options
    this.#handle = handle
    this.#running = this.#run()
  }

  /** Waits for the present call of the handler (whose signal aborts), saves the cursor and gives the reader back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#standby.ring()
    await this.#running
  }

  async #run(): Promise<void> {
    using _released = this.#deps.hints.subscribe(READERS_TOPIC, () => this.#standby.ring())
    while (!this.#closing.signal.aborted) {
      const acquired = await this.#acquire()
      if (!acquired) continue
      const holding = new Holding(this.#deps, this.#options, this.#handle, acquired, this.#closing.signal)
      await holding.run()
    }
  }

  async #acquire(): Promise<AcquiredRow | null> {
    const { db, ctx, observe } = this.#deps
    const { from, leaseMs, name } = this.#options
    this.#standby.reset()
    try {
      const { free } = await db.systemRead(ctx, (tx) => tx.one(readerFree(name)))
      const acquire = readerAcquired(name, holderName(), leaseMs, from === 'now')
      const acquired = free ? await db.system(ctx, (tx) => tx.maybe(acquire)) : undefined
      if (acquired) {
        observe({ kind: 'acquired', reader: name, fence: acquired.fence })
        return acquired
      }
    } catch (err) {
      if (!this.#closing.signal.aborted)
        ctx.log.warn({ err, reader: name }, 'a reader could not be acquired: trying again')
    }
    if (!this.#closing.signal.aborted) await this.#standby.wait(ctx.clock, (leaseMs / 3) * (0.5 + Math.random() / 2))
    return null
  }
}

function holderName(): string {
  return `${process.pid}/${randomUUID().slice(0, 8)}`
}

/** One time of holding a reader, from acquiring it to losing it or giving it back. */
class Holding {
  readonly #deps: ReaderDeps
  readonly #options: ResolvedReaderOptions
  readonly #handle: Handle
  readonly #fence: number
  readonly #stop = new AbortController()
  readonly #closing: AbortSignal
  readonly #keeper = new Alarm()
  #completed: Position
  #saved: Position
  #lost = false

  constructor(
    deps: ReaderDeps,
    options: ResolvedReaderOptions,
    handle: Handle,
    acquired: AcquiredRow,
    closing: AbortSignal,
  ) {
    this.#deps = deps
    this.#options = options
    this.#handle = handle
    this.#fence = acquired.fence
    this.#completed = positionOf(acquired.positionXid, acquired.positionId)
    this.#saved = this.#completed
    this.#closing = closing
  }

  async run(): Promise<void> {
    const alarm = new Alarm()
    const stop = () => this.#stop.abort()
    this.#closing.addEventListener('abort', stop, { once: true })
    this.#stop.signal.addEventListener('abort', () => {
      alarm.ring()
      this.#keeper.ring()
    })
    if (this.#closing.aborted) stop()
    const keeping = this.#keep()
    {
      using _hinted = this.#deps.hints.subscribe(EVENTS_TOPIC, () => alarm.ring())
      await this.#follow(alarm)
    }
    stop()
    await keeping
    this.#closing.removeEventListener('abort', stop)
    if (this.#lost) this.#deps.observe({ kind: 'lost', reader: this.#options.name })
    else await this.#release()
  }

  async #follow(alarm: Alarm): Promise<void> {
    const { ctx, feed } = this.#deps
    const delivery = this.#delivery()
    try {
      await follow(this.#completed, {
        ...this.#options,
        clock: ctx.clock,
        log: ctx.log,
        signal: this.#stop.signal,
        alarm,
        read: (after, limit) => feed.page(after, limit),
        deliver: async (events) => {
          await deliver(events, delivery)
        },
        onStuck: delivery.onStuck,
      })
    } catch (error) {
      if (!isError(error, journalErrors.reader_lease_lost)) throw error
    }
  }

  #delivery(): Delivery {
    const { ctx, db, observe } = this.#deps
    const { name } = this.#options
    return {
      ...this.#options,
      clock: ctx.clock,
      log: ctx.log,
      signal: this.#stop.signal,
      onStuck: stuckReport(name, ctx.log, observe, this.#options.onStuck),
      observe,
      attempt: (events) => this.#attempt(events),
      isFinal: (error) => isError(error, journalErrors.reader_lease_lost),
      onFailure: async (failures, error) => {
        const text = String(error instanceof Error ? error.message : error)
          .replaceAll('\0', '')
          .slice(0, 500)
        await db.system(ctx, (tx) => tx.run(readerFailed(name, this.#fence, failures, text))).catch(() => undefined)
      },
    }
  }

  async #attempt(events: readonly JournalEvent[]): Promise<void> {
    const { ctx, db } = this.#deps
    const { position } = events.at(-1) as JournalEvent
    if (this.#options.transactional) {
      await db.system(ctx, async (tx) => {
        await this.#handle(events, this.#stop.signal, tx)
        // Last, so that the row is locked for the length of a commit and not of the handler.
        await this.#write(tx, this.#advance(position))
      })
    } else {
      await this.#handle(events, this.#stop.signal, null)
    }
    this.#completed = position
    this.#keeper.ring()
  }

  /** Saves the cursor and renews the lease, until the end of this holding. */
  async #keep(): Promise<void> {
    const { leaseMs, name, saveMs } = this.#options
    while (!this.#stop.signal.aborted) {
      if (this.#unsaved) await pause(saveMs, this.#stop.signal)
      else await this.#keeper.wait(systemClock, leaseMs / 3)
      if (this.#stop.signal.aborted) return
      try {
        await this.#save()
      } catch (err) {
        if (isError(err, journalErrors.reader_lease_lost)) return
        this.#deps.ctx.log.warn({ err, reader: name }, 'a reader could not save its place: trying again')
        await pause(Math.min(1_000, leaseMs / 6), this.#stop.signal)
      }
    }
  }

  /** A transactional cursor is saved by its batches alone: a save from aside could move it back. */
  get #unsaved(): boolean {
    return !this.#options.transactional && this.#completed !== this.#saved
  }

  async #save(): Promise<void> {
    const { ctx, db } = this.#deps
    const { leaseMs, name } = this.#options
    const place = this.#completed
    const write = this.#unsaved ? this.#advance(place) : leaseRenewed(name, this.#fence, leaseMs)
    await db.system(ctx, (tx) => this.#write(tx, write))
    this.#saved = place
  }

  #advance(position: Position) {
    const { xid, id } = positionParts(position)
    return readerAdvanced(this.#options.name, this.#fence, this.#options.leaseMs, xid, id)
  }

  /** A write that changes nothing means that the fence is gone: somebody else holds the reader. */
  async #write(tx: Tx, query: ReturnType<typeof readerAdvanced>): Promise<void> {
    if ((await tx.run(query)) > 0) return
    this.#lost = true
    this.#stop.abort()
    throw new StoaError(journalErrors.reader_lease_lost, { context: { reader: this.#options.name } })
  }

  async #release(): Promise<void> {
    const { ctx, db, hints, observe } = this.#deps
    const { name } = this.#options
    try {
      if (this.#unsaved) await this.#save()
      await db.system(ctx, (tx) => tx.run(readerReleased(name, this.#fence)))
      hints.publish(READERS_TOPIC)
    } catch (err) {
      ctx.log.warn({ err, reader: name }, 'a reader could not be given back: its lease will end by itself')
    }
    observe({ kind: 'released', reader: name })
  }
}
