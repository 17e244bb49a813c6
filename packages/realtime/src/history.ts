/*
 * The last events of all channels, in the order of the journal and without a hole: everything behind `start` and up to
 * `end` that appears in any channel is here. Whoever was away for a moment catches up from memory, however many come
 * back at once. It grows at its end by what the tail brings, and at its beginning by what is read from the journal when
 * somebody asks for more; it shrinks at its beginning.
 */
import { comparePositions, type Position } from '@stoa/journal'

/** An event as it appears in one channel. */
export interface Delivery {
  /** Tenant and channel. */
  readonly key: string
  readonly channel: string
  /** The event as JSON, with its position. */
  readonly text: string
}

/** An event in all of its channels. */
export interface Entry {
  readonly position: Position
  readonly type: string
  readonly deliveries: readonly Delivery[]
}

/** What comes next for somebody. */
export interface Chunk {
  readonly texts: readonly string[]
  /** Where whoever takes it stands then. */
  readonly to: Position
  /** Whether that is the end. */
  readonly last: boolean
}

/** What may be kept. */
export interface HistoryLimits {
  readonly historyEvents: number
  readonly historyBytes: number
}

/** Of an entry and its deliveries beside their texts, roughly. */
const ENTRY_BYTES = 200

/** Events in memory. */
export class History {
  readonly #limits: HistoryLimits
  #entries: Entry[] = []
  /** Those before it have been given up. */
  #first = 0
  #bytes = 0
  #start: Position
  #end: Position

  /** @param place the tail's: nothing behind it is here yet */
  constructor(place: Position, limits: HistoryLimits) {
    this.#limits = limits
    this.#start = place
    this.#end = place
  }

  /** Everything behind it is here. */
  get start(): Position {
    return this.#start
  }

  /** Everything up to it is here. */
  get end(): Position {
    return this.#end
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.length - this.#first
  }

  /** Adds what came. `end`: where the tail stands now. */
  append(entries: readonly Entry[], end: Position): void {
    for (const entry of entries) {
      this.#entries.push(entry)
      this.#bytes += bytesOf(entry)
    }
    this.#end = end
    const { historyEvents, historyBytes } = this.#limits
    while (this.size > historyEvents || (this.#bytes > historyBytes && this.size > 0)) this.#giveUpFirst()
    if (this.#first > 1_000 && this.#first > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }

  /** Adds what lies between `start` and the present start. False, and nothing is added, when there is no room. */
  prepend(start: Position, entries: readonly Entry[]): boolean {
    const bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0)
    const { historyEvents, historyBytes } = this.#limits
    if (this.size + entries.length > historyEvents || this.#bytes + bytes > historyBytes) return false
    this.#entries = [...entries, ...this.#entries.slice(this.#first)]
    this.#first = 0
    this.#bytes += bytes
    this.#start = start
    return true
  }

  /** Whether everything behind a position is here. */
  covers(position: Position): boolean {
    return comparePositions(position, this.#start) >= 0
  }

  /** The next events of a channel behind a position, of about `maxBytes` at most. Ask `covers` first. */
  chunk(key: string, position: Position, maxBytes: number): Chunk {
    const texts: string[] = []
    let bytes = 0
    for (let index = this.#after(position); index < this.#entries.length; index++) {
      const entry = this.#entries[index] as Entry
      for (const delivery of entry.deliveries) {
        if (delivery.key !== key) continue
        texts.push(delivery.text)
        bytes += delivery.text.length
      }
      if (bytes >= maxBytes) return { texts, to: entry.position, last: index === this.#entries.length - 1 }
    }
    return { texts, to: this.#end, last: true }
  }

  /** Each entry behind a position, until `take` gives false. */
  walk(position: Position, take: (entry: Entry) => boolean): void {
    for (let index = this.#after(position); index < this.#entries.length; index++) {
      if (!take(this.#entries[index] as Entry)) return
    }
  }

  /** The index of the first entry behind a position. */
  #after(position: Position): number {
    let low = this.#first
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePositions((this.#entries[middle] as Entry).position, position) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #giveUpFirst(): void {
    const entry = this.#entries[this.#first] as Entry
    this.#start = entry.position
    this.#bytes -= bytesOf(entry)
    this.#entries[this.#first] = GONE
    this.#first += 1
  }
}

const GONE: Entry = { position: '0.0' as Position, type: '', deliveries: [] }

function bytesOf({ deliveries }: Entry): number {
  return deliveries.reduce((sum, { text }) => sum + text.length, ENTRY_BYTES)
}
