/**
 * Which tags were dropped last, and in what order: what a load asks that began some time ago. It remembers a bounded
 * number of tags; about the others it answers "perhaps" to whoever began before the newest one that was forgotten, and
 * "perhaps" counts as yes.
 */
export class DropLog {
  readonly #last = new Map<string, number>()
  readonly #maxTags: number
  /** Stands before the oldest: a new walk would step over every place that was given up in the map's table. */
  readonly #oldest = this.#last.entries()
  #floor = 0
  #now = 0

  constructor(maxTags: number) {
    this.#maxTags = maxTags
  }

  /** The present moment, to be kept by whoever begins something. */
  get now(): number {
    return this.#now
  }

  /** Notes that the tag is dropped now. */
  note(tag: string): void {
    this.#last.delete(tag)
    this.#last.set(tag, ++this.#now)
    if (this.#last.size <= this.#maxTags) return
    const { value } = this.#oldest.next()
    if (value === undefined) return
    this.#last.delete(value[0])
    this.#floor = value[1]
  }

  /** Notes that everything is dropped now. */
  noteAll(): void {
    this.#floor = ++this.#now
    this.#last.clear()
  }

  /** Whether the tag was, or may have been, dropped after `moment`. */
  droppedSince(tag: string, moment: number): boolean {
    const last = this.#last.get(tag)
    return last === undefined ? this.#floor > moment : last > moment
  }
}
