/**
 * What was found of a text. The same few texts come again and again, so it is remembered: in two halves of a bounded size,
 * of which the older one is forgotten when the younger one is full. Whoever sends another text each time pays for it once
 * more than without.
 */

/** Longest text that is remembered, in characters, and how many of them in each half. */
const REMEMBERED_MAX = 256
const REMEMBERED = 2_000

/** Finds something of a text, and remembers it. */
export class TextMemory<T> {
  readonly #find: (text: string) => T
  #young = new Map<string, T>()
  #old = new Map<string, T>()

  constructor(find: (text: string) => T) {
    this.#find = find
  }

  of(text: string): T {
    const known = this.#young.get(text)
    if (known !== undefined) return known
    if (text.length > REMEMBERED_MAX) return this.#find(text)
    const found = this.#old.get(text) ?? this.#find(text)
    if (this.#young.size >= REMEMBERED) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(text, found)
    return found
  }
}
