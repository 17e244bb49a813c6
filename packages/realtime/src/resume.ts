/*
 * Where somebody may go on who says where they stood. Positions come from outside, so anything may come: an old one, one
 * of before a restore, one that another node gave out a moment ago and this one has not reached, or made-up text.
 *
 *   no position ─────────────────────────────► from now
 *   behind the memory's start ───────────────► from there, out of memory
 *   before it ─► the memory grows back by pages of the journal, once for all who ask ─► reached? from there, as above
 *   ahead of this node, and given out already ─► from there; nothing comes before the tail is there
 *   anything else ───────────────────────────► from now, and the client is told: `resync`
 *
 * The memory grows back `resumeEvents` in its life and no further, so that positions made up to be old cost nothing once
 * that is reached.
 */
import { comparePositions, type Journal, type JournalEvent, type Position } from '@stoa/journal'
import type { BaseCtx } from '@stoa/kernel'
import type { Entry, History } from './history.ts'

/** Why a client has to read anew what it shows: what it has missed cannot be told any more. */
export type ResyncReason =
  /** It was away for too long. */
  | 'too_old'
  /** Where it says it stood is no place of this journal. */
  | 'unknown'
  /** It read too slowly. */
  | 'too_slow'

/** Where somebody goes on. */
export interface Place {
  readonly position: Position
  /** null: nothing is missing. */
  readonly resync: ResyncReason | null
}

/** Where somebody stands. */
export interface Standing {
  readonly position: Position | null
  readonly resync: ResyncReason | null
}

/** What resuming stands on. */
export interface ResumeDeps {
  readonly journal: Pick<Journal, 'hasReached' | 'readBack'>
  readonly ctx: BaseCtx
  readonly history: History
  readonly entryOf: (event: JournalEvent) => Entry
  /** Events of the journal that the memory grows back at most. */
  readonly resumeEvents: number
}

const PAGE = 500

/** Finds the place of whoever comes back. */
export class Resume {
  readonly #deps: ResumeDeps
  #growing: Promise<unknown> = Promise.resolve()
  #left: number

  constructor(deps: ResumeDeps) {
    this.#deps = deps
    this.#left = deps.resumeEvents
  }

  /** @throws StoaError when the journal cannot be asked */
  async place(text: string | undefined): Promise<Place> {
    const { ctx, history, journal } = this.#deps
    if (text === undefined) return this.#now(null)
    const position = positionOf(text)
    if (position === null) return this.#now('unknown')
    if (comparePositions(position, history.end) > 0) {
      return (await journal.hasReached(ctx, position)) ? { position, resync: null } : this.#now('unknown')
    }
    if (history.covers(position) || (await this.#growBackTo(position))) return { position, resync: null }
    return this.#now('too_old')
  }

  /**
   * Where somebody stands who is told the past of a thing from the journal: null for before all of it.
   *
   * @throws StoaError when the journal cannot be asked
   */
  async standing(text: string | undefined): Promise<Standing> {
    if (text === undefined || text === '') return { position: null, resync: null }
    const position = positionOf(text)
    const isKnown = position !== null && (await this.#deps.journal.hasReached(this.#deps.ctx, position))
    return isKnown ? { position, resync: null } : { position: null, resync: 'unknown' }
  }

  #now(resync: ResyncReason | null): Place {
    return { position: this.#deps.history.end, resync }
  }

  /** One at a time: who comes next finds it done. */
  #growBackTo(position: Position): Promise<boolean> {
    const grown = this.#growing.then(() => this.#grow(position))
    this.#growing = grown.catch(() => undefined)
    return grown
  }

  async #grow(position: Position): Promise<boolean> {
    const { ctx, entryOf, history, journal } = this.#deps
    // Everything behind `first` is in memory then, and `first` itself is not.
    while (!history.covers(position)) {
      const limit = Math.min(PAGE, this.#left)
      // A page begins with the event that the one before it ended with.
      if (limit < 2) return false
      const { start } = history
      const events = await journal.readBack(ctx, start, limit)
      // Meanwhile its beginning was given up: what was read is a hole away from the rest, and there is no room for it.
      if (history.start !== start) return history.covers(position)
      const [first, ...behind] = events
      const entries = behind.map(entryOf).filter((entry) => entry.deliveries.length > 0)
      if (first === undefined || !history.prepend(first.position, entries)) {
        this.#left = 0
        return false
      }
      this.#left = events.length < limit ? 0 : this.#left - events.length
    }
    return true
  }
}

/** The text as a position; null when it is none. */
function positionOf(text: string): Position | null {
  try {
    comparePositions(text as Position, text as Position)
    return text as Position
  } catch {
    return null
  }
}
