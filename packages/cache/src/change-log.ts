import type { Snapshot } from './snapshot.ts'

interface Changes {
  /** Transactions that changed the thing, the last ones to be known. */
  readonly last: number[]
  /** The highest of those that are not among them; 0 when there are none. */
  below: number
}

/** Transactions per tag that are told apart. */
const LAST = 8

/**
 * Which transactions changed what a tag names, as far as this process knows. It is bounded: what it has forgotten
 * counts as changed by every transaction up to the highest one that was forgotten.
 */
export class ChangeLog {
  readonly #tags = new Map<string, Changes>()
  readonly #oldest = this.#tags.entries()
  readonly #maxTags: number
  #below = 0
  #begin = 0

  constructor(maxTags: number) {
    this.#maxTags = maxTags
  }

  /** Nothing is known of what transactions below this one have changed. */
  beginAt(transaction: number): void {
    this.#begin = transaction
  }

  /** Notes that the transaction changed what the tag names. */
  note(tag: string, transaction: number): void {
    const changes = this.#tags.get(tag) ?? { last: [], below: this.#below }
    this.#tags.delete(tag)
    this.#tags.set(tag, changes)
    if (!changes.last.includes(transaction)) changes.last.push(transaction)
    if (changes.last.length > LAST) changes.below = Math.max(changes.below, changes.last.shift() as number)
    if (this.#tags.size > this.#maxTags) this.#forgetOldest()
  }

  /** Whether every change of the tag that may have happened is shown by the snapshot or among `also`. */
  allSeen(tag: string, snapshot: Snapshot, also: ReadonlySet<number>): boolean {
    if (snapshot.xmin < this.#begin) return false
    const changes = this.#tags.get(tag)
    if (changes === undefined) return snapshot.xmin > this.#below
    if (snapshot.xmin <= changes.below) return false
    return changes.last.every((transaction) => snapshot.shows(transaction) || also.has(transaction))
  }

  #forgetOldest(): void {
    const { value } = this.#oldest.next()
    if (value === undefined) return
    const [tag, { below, last }] = value
    this.#tags.delete(tag)
    this.#below = Math.max(this.#below, below, ...last)
  }
}
