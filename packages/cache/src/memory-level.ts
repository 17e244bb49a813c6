/*
 * The cache in this process, bounded by bytes.
 *
 * Tags. Each tag that some entry carries has one state, alive until the tag is dropped. An entry is good as long as all
 * its tags are alive, so a drop touches one object, however many entries carry the tag; the next entry with that tag
 * makes a new state. What was dropped is found when it is asked for, or when room is needed.
 *
 * Room is made by SIEVE (Zhang et al., NSDI 2024): entries stand in the order in which they came, a hit only marks one,
 * and a hand goes from the oldest to the newest, taking the first one without a mark and wiping the marks on its way.
 * It keeps what is asked for again, whatever is read through once.
 */

/** What is kept of a value. */
export interface MemoryValue {
  readonly value: unknown
  /** When it was loaded, wherever that was. */
  readonly loadedAt: number
  /** From then on it is stale. */
  readonly freshUntil: number
  /** From then on it is of no use. Not before `freshUntil`. */
  readonly staleUntil: number
  /** How long loading took, in milliseconds. */
  readonly spentMs: number
  /** Its id in Redis; empty when it is not known to be there. */
  readonly origin: string
  /** No refresh is tried before. */
  refreshAfter: number
}

interface TagState {
  alive: boolean
  holders: number
}

interface Entry extends MemoryValue {
  readonly id: string
  readonly bytes: number
  readonly tags: readonly string[]
  readonly states: readonly TagState[]
  marked: boolean
  older: Entry | null
  newer: Entry | null
}

/** What an entry costs besides its value and its texts: the entry, its place in the map, its times. */
const ENTRY_BYTES = 320
/** What a tag costs besides its name: its state, its place in the map and in the entry. */
const TAG_BYTES = 160
/** One entry takes at most this share of the whole. */
const LARGEST_SHARE = 4

/** How full the memory is. */
export interface MemoryUsage {
  readonly entries: number
  /** Estimated; never above the bound. */
  readonly bytes: number
  /** How many were pushed out by others. */
  readonly evictions: number
}

/** Entries of one process, by id. */
export class MemoryLevel {
  readonly #maxBytes: number
  readonly #entries = new Map<string, Entry>()
  readonly #tags = new Map<string, TagState>()
  #bytes = 0
  #evictions = 0
  #oldest: Entry | null = null
  #newest: Entry | null = null
  #hand: Entry | null = null

  /** @param maxBytes 0: nothing is kept */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** How full it is. */
  get usage(): MemoryUsage {
    return { entries: this.#entries.size, bytes: this.#bytes, evictions: this.#evictions }
  }

  /** What is kept of the id, unless one of its tags was dropped. Whether it is still fresh is the caller's to see. */
  get(id: string): MemoryValue | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    if (isAlive(entry)) {
      entry.marked = true
      return entry
    }
    this.#remove(entry)
    return undefined
  }

  /**
   * Keeps a value, in the place of what was kept before under the id.
   *
   * @param bytes of the value alone
   * @returns false when it is too big to be kept here
   */
  put(id: string, tags: readonly string[], bytes: number, kept: MemoryValue): boolean {
    this.remove(id)
    const all = tags.reduce((sum, tag) => sum + TAG_BYTES + 2 * tag.length, bytes + ENTRY_BYTES + 2 * id.length)
    if (all > this.#maxBytes / LARGEST_SHARE) return false
    while (this.#bytes + all > this.#maxBytes) this.#evict()
    const states = tags.map((tag) => this.#hold(tag))
    const entry: Entry = { ...kept, id, tags, states, bytes: all, marked: false, older: this.#newest, newer: null }
    if (this.#newest) this.#newest.newer = entry
    this.#newest = entry
    this.#oldest ??= entry
    this.#entries.set(id, entry)
    this.#bytes += all
    return true
  }

  /** Forgets one entry. */
  remove(id: string): void {
    const entry = this.#entries.get(id)
    if (entry) this.#remove(entry)
  }

  /** Forgets all entries. */
  clear(): void {
    for (const entry of this.#entries.values()) this.#remove(entry)
  }

  /** Every entry that carries the tag is gone. */
  drop(tag: string): void {
    const state = this.#tags.get(tag)
    if (state === undefined) return
    state.alive = false
    this.#tags.delete(tag)
  }

  #hold(tag: string): TagState {
    const known = this.#tags.get(tag)
    if (known) {
      known.holders++
      return known
    }
    const state = { alive: true, holders: 1 }
    this.#tags.set(tag, state)
    return state
  }

  #evict(): void {
    let entry = this.#hand ?? this.#oldest
    while (entry?.marked && isAlive(entry)) {
      entry.marked = false
      entry = entry.newer ?? this.#oldest
    }
    if (entry === null) throw new Error('there is nothing to evict')
    this.#hand = entry
    this.#remove(entry)
    this.#evictions++
  }

  #remove(entry: Entry): void {
    const { older, newer } = entry
    if (this.#hand === entry) this.#hand = newer
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
    this.#entries.delete(entry.id)
    this.#bytes -= entry.bytes
    for (const [index, state] of entry.states.entries()) {
      state.holders--
      if (state.alive && state.holders === 0) this.#tags.delete(entry.tags[index] as string)
    }
  }
}

function isAlive(entry: Entry): boolean {
  for (const state of entry.states) if (!state.alive) return false
  return true
}
