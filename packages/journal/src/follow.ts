/*
 * The loop of every reader, durable or live:
 *
 *   read a page ─► events? deliver them, in order, until they are taken ─► more? read on
 *        ▲                                                                   │ no
 *        │   events wait behind a transaction in flight: look again in 5, 10, 20, 40, 50 ms, whatever is hinted meanwhile
 *        │   something was read: 5 ms, so that a busy journal is read by the handful and not by the event
 *        └── then sleep until a hint, or until the poll: the poll is the truth
 *
 * One read at a time; a hint that comes during it is kept. The short pauses are of real time, also under a test clock:
 * what they wait for are real transactions. The poll and the retries follow the clock that was given.
 */
import { type Alarm, backoffMs, type Clock, type Logger, systemClock } from '@stoa/kernel'
import type { JournalEvent } from './event.ts'
import type { Page } from './feed.ts'
import type { Position } from './position.ts'
import type { Stuck } from './signals.ts'

/** What a loop needs. */
export interface Following {
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  /** Ends the loop after the present delivery. Whoever aborts it rings the alarm. */
  readonly signal: AbortSignal
  /** Rings when it is worth looking. */
  readonly alarm: Alarm
  readonly batchSize: number
  readonly pollMs: number
  read(after: Position, limit: number): Promise<Page>
  /** Takes the events, all of them; throws only to end the loop. */
  deliver(events: readonly JournalEvent[]): Promise<void>
  /**
   * Reading fails again and again, or a transaction stays open for long; called again each time the time or the count
   * doubles.
   */
  onStuck(stuck: Stuck): void
}

const GATHER_MS = 5
const LOOK_AGAIN_MS = 5
const LOOK_AGAIN_MAX_MS = 50
const WAITING_IS_LONG_MS = 10_000
const READ_FAILURES_ARE_MANY = 8
const READ_RETRY_MS = 100
const READ_RETRY_MAX_MS = 5_000

/** Follows the journal from `position` until the signal aborts. @throws what `deliver` throws */
export async function follow(position: Position, following: Following): Promise<void> {
  const { alarm, clock, signal } = following
  const horizon = new HorizonWatch(following)
  let place = position
  while (!signal.aborted) {
    alarm.reset()
    const page = await readPatiently(place, following)
    if (page === null) return
    if (page.events.length > 0) await following.deliver(page.events)
    place = page.position
    if (signal.aborted) return
    if (page.more) continue
    if (page.waiting) {
      await pause(horizon.waitMs(page.events.length > 0), signal)
    } else {
      horizon.clear()
      if (page.events.length > 0) await pause(GATHER_MS, signal)
      await alarm.wait(clock, following.pollMs)
    }
  }
}

/** How long to wait for an older transaction, and when to say that it takes long. */
class HorizonWatch {
  readonly #following: Following
  #nextMs = LOOK_AGAIN_MS
  #since: number | null = null
  #saidMs = WAITING_IS_LONG_MS

  constructor(following: Following) {
    this.#following = following
  }

  /** @param moved whether the last read brought anything */
  waitMs(moved: boolean): number {
    if (moved) this.clear()
    const now = performance.now()
    this.#since ??= now
    const waited = now - this.#since
    if (waited >= this.#saidMs) {
      this.#saidMs *= 2
      this.#following.onStuck({ reason: 'transaction', waitedMs: Math.round(waited) })
    }
    const ms = this.#nextMs
    this.#nextMs = Math.min(LOOK_AGAIN_MAX_MS, ms * 2)
    return ms
  }

  clear(): void {
    this.#nextMs = LOOK_AGAIN_MS
    this.#since = null
    this.#saidMs = WAITING_IS_LONG_MS
  }
}

/** The page, however long the database is away; null when the signal aborts first. */
async function readPatiently(place: Position, following: Following): Promise<Page | null> {
  const { log, name, signal } = following
  for (let attempt = 0; ; attempt++) {
    try {
      return await following.read(place, following.batchSize)
    } catch (error) {
      if (signal.aborted) return null
      log.warn({ err: error, reader: name, attempt }, 'the journal could not be read: trying again')
      const failures = attempt + 1
      if (failures >= READ_FAILURES_ARE_MANY && Number.isInteger(Math.log2(failures))) {
        following.onStuck({ reason: 'read', failures, error })
      }
      await pause(backoffMs(attempt, READ_RETRY_MS, READ_RETRY_MAX_MS), signal)
      if (signal.aborted) return null
    }
  }
}

/** Real time, whatever clock is given; ends early when the signal aborts. */
export function pause(ms: number, signal: AbortSignal | null): Promise<void> {
  return systemClock.sleep(ms, signal).catch(() => undefined)
}
