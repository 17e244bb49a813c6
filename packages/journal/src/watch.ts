/*
 * Every event as soon as it can be seen.
 *
 * Readers and tails follow the order of the journal, and so stop before the oldest transaction in flight. Who only
 * wants to know *that* something changed need not: what a snapshot of the database shows and the one before did not is
 * what was committed in between, whatever is still open. So a watch keeps the snapshot of its last look, and each look
 * is the difference between two. It begins at the horizon, as if nothing behind the oldest open transaction had been
 * seen, so that what was committed just before it began comes too.
 */
import type { Database } from '@stoa/db'
import { Alarm, type BaseCtx, backoffMs } from '@stoa/kernel'
import type { JournalEvent } from './event.ts'
import { type EventRow, eventsUnseen, horizon } from './event-store.ts'
import { eventOf } from './feed.ts'
import { pause } from './follow.ts'
import type { Hints } from './hints.ts'
import { EVENTS_TOPIC } from './reader.ts'
import type { ResolvedWatchOptions } from './reader-options.ts'
import type { EventRegistry } from './registry.ts'

/**
 * Takes what a look brought, in one or more calls. `snapshot` comes with the last one: what it shows (`pg_snapshot` as
 * text) has all been handed over now, or lies before the watch. Throwing has all of the look handed over again, later.
 */
export type WatchHandler = (events: readonly JournalEvent[], snapshot: string | null) => void | Promise<void>

/** A watch. */
export interface Watch extends AsyncDisposable {
  /**
   * Resolves with what it begins behind, a `pg_snapshot` as text: every event that this does not show will be handed
   * over.
   */
  readonly ready: Promise<string>
  /**
   * Looks now. Resolves when everything that was committed before the call has been handed over. @throws Error when the
   * watch ends before
   */
  look(): Promise<void>
}

interface WatchDeps {
  readonly db: Database
  readonly hints: Hints
  readonly registry: EventRegistry
  readonly ctx: BaseCtx
}

const GATHER_MS = 5
/** After a look it rests so many times as long as the look took: looking is at most a third of its life. */
const REST = 2
const RETRY_MS = 100
const RETRY_MAX_MS = 1_000

/** Runs until disposed. */
export class LiveWatch implements Watch {
  readonly ready: Promise<string>
  readonly #deps: WatchDeps
  readonly #options: ResolvedWatchOptions
  readonly #handle: WatchHandler
  readonly #closing = new AbortController()
  readonly #alarm = new Alarm()
  readonly #running: Promise<void>
  #asked: PromiseWithResolvers<void>[] = []

  constructor(deps: WatchDeps, options: ResolvedWatchOptions, handle: WatchHandler) {
    this.#deps = deps
    this.#options = options
    this.#handle = handle
    const started = Promise.withResolvers<string>()
    this.ready = started.promise
    // Nobody has to wait for it.
    this.ready.catch(() => undefined)
    this.#running = this.#run(started)
  }

  look(): Promise<void> {
    const asked = Promise.withResolvers<void>()
    if (this.#closing.signal.aborted) asked.reject(ended())
    else this.#asked.push(asked)
    this.#alarm.ring()
    return asked.promise
  }

  /** Waits for the present look. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#alarm.ring()
    await this.#running
    for (const asked of this.#asked.splice(0)) asked.reject(ended())
  }

  async #run(started: PromiseWithResolvers<string>): Promise<void> {
    const { ctx, hints } = this.#deps
    const { signal } = this.#closing
    using _hinted = hints.subscribe(EVENTS_TOPIC, () => this.#alarm.ring())
    let seen = await this.#patiently(() => this.#begin())
    if (seen === null) return started.reject(ended())
    started.resolve(seen)
    while (!signal.aborted) {
      this.#alarm.reset()
      // Whoever asks from now on may mean what this look does not show.
      const asked = this.#asked
      this.#asked = []
      const begun = performance.now()
      const earlier: string = seen
      seen = (await this.#patiently(() => this.#look(earlier))) ?? earlier
      if (signal.aborted) {
        this.#asked.push(...asked)
        return
      }
      for (const { resolve } of asked) resolve()
      await pause(Math.max(GATHER_MS, REST * (performance.now() - begun)), signal)
      await this.#alarm.wait(ctx.clock, this.#options.pollMs)
    }
  }

  /** A snapshot that shows what lies before the oldest transaction in flight, and nothing else. */
  async #begin(): Promise<string> {
    const { ctx, db } = this.#deps
    const { xid } = await db.systemRead(ctx, (tx) => tx.one(horizon()))
    return `${xid}:${xid}:`
  }

  /** @returns the snapshot of this look */
  async #look(earlier: string): Promise<string> {
    const { ctx, db, registry } = this.#deps
    const { batchSize } = this.#options
    let place = { xid: earlier.slice(0, earlier.indexOf(':')), id: '-1' }
    for (let snapshot: string | null = null; ; ) {
      const { xid, id } = place
      const rows = await db.systemRead(ctx, (tx) => tx.many(eventsUnseen(earlier, xid, id, batchSize)))
      // Later pages may show more than the first one did; what they show too early comes again with the next look.
      snapshot ??= (rows[0] as { snapshot: string }).snapshot
      const seen = rows.filter((row) => row.id !== null) as EventRow[]
      const isLast = seen.length < batchSize
      await this.#handle(
        seen.map((row) => eventOf(row, registry)),
        isLast ? snapshot : null,
      )
      if (isLast || this.#closing.signal.aborted) return isLast ? snapshot : earlier
      const last = seen.at(-1) as EventRow
      place = { xid: last.xid, id: String(last.id) }
    }
  }

  /** What `look` gives, however often it fails before; null when the watch is ended first. */
  async #patiently<T>(look: () => Promise<T>): Promise<T | null> {
    const { signal } = this.#closing
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await look()
      } catch (err) {
        if (signal.aborted) return null
        this.#deps.ctx.log.warn({ err, watch: this.#options.name, attempt }, 'a watch could not look: trying again')
        await pause(backoffMs(attempt, RETRY_MS, RETRY_MAX_MS), signal)
      }
    }
    return null
  }
}

function ended(): Error {
  return new Error('the watch was ended')
}
