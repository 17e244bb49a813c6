/*
 * Every event as soon as it can be seen: a watch. All watches of a process are handed what one look brings
 * (shared-look.ts); each takes it in its own time, and one that is slow or fails holds nobody up.
 */
import { backoffMs, type Logger, resolveOptions } from '@stoa/kernel'
import type { JournalEvent } from './event.ts'
import { pause } from './follow.ts'
import { type ResolvedWatchOptions, WATCH_OPTIONS, type WatchOptions } from './reader-options.ts'
import type { Looker, SharedLook } from './shared-look.ts'

/**
 * Takes what a look brought, in one or more calls. `snapshot` comes with the last one: what it shows (`pg_snapshot` as
 * text) has all been handed over now, or lies before the watch. Throwing has the same handed over again, later.
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

/** Pages that wait for a slow handler. Then it is handed no more until it has taken them. */
const MAX_WAITING = 8
const RETRY_MS = 100
const RETRY_MAX_MS = 1_000

/** Opens a watch. @throws StoaError `invalid_options` */
export function openWatch(shared: SharedLook, options: WatchOptions, handle: WatchHandler, log: Logger): Watch {
  return new LiveWatch(shared, resolveOptions(WATCH_OPTIONS, options, { name: 'journal.watch' }), handle, log)
}

/** Runs until disposed. */
class LiveWatch implements Watch, Looker {
  readonly #shared: SharedLook
  readonly #options: ResolvedWatchOptions
  readonly #handle: WatchHandler
  readonly #log: Logger
  readonly #started = Promise.withResolvers<string>()
  readonly #closing = new AbortController()
  /** What is to be done, in order; the first of it is under way. */
  readonly #steps: (() => void | Promise<void>)[] = []
  #working: Promise<void> | null = null
  readonly #ended = Promise.withResolvers<never>()

  constructor(shared: SharedLook, options: ResolvedWatchOptions, handle: WatchHandler, log: Logger) {
    this.#shared = shared
    this.#options = options
    this.#handle = handle
    this.#log = log
    // Nobody has to wait for these.
    this.#started.promise.catch(() => undefined)
    this.#ended.promise.catch(() => undefined)
    shared.join(this)
  }

  get ready(): Promise<string> {
    return this.#started.promise
  }

  get batchSize(): number {
    return this.#options.batchSize
  }

  get pollMs(): number {
    return this.#options.pollMs
  }

  async look(): Promise<void> {
    await Promise.race([this.#ended.promise, this.#shared.look(this)])
    await Promise.race([this.#ended.promise, new Promise<void>((resolve) => this.#add(resolve))])
  }

  begins(snapshot: string): void {
    this.#started.resolve(snapshot)
  }

  take(events: readonly JournalEvent[], snapshot: string | null): void {
    this.#add(() => this.#handle(events, snapshot))
  }

  get hasRoom(): boolean {
    return this.#steps.length < MAX_WAITING
  }

  /** Waits for what is being handed over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#shared.leave(this)
    await this.#working
    const ended = new Error('the watch was ended')
    this.#started.reject(ended)
    this.#ended.reject(ended)
  }

  #add(step: () => void | Promise<void>): void {
    if (this.#closing.signal.aborted) return
    this.#steps.push(step)
    this.#working ??= this.#work()
  }

  async #work(): Promise<void> {
    const { signal } = this.#closing
    for (let attempt = 0; !signal.aborted; ) {
      const [step] = this.#steps
      if (step === undefined) break
      try {
        await step()
        attempt = 0
        this.#steps.shift()
        this.#shared.freed(this)
      } catch (err) {
        this.#log.warn(
          { err, watch: this.#options.name, attempt },
          'a watch did not take what it was handed: trying again',
        )
        await pause(backoffMs(attempt++, RETRY_MS, RETRY_MAX_MS), signal)
      }
    }
    this.#working = null
  }
}
