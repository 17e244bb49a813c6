/**
 * Asks for many things at once that are wanted one by one: those that are wanted in one turn of the event loop, or while
 * as many questions as may be are under way, go together.
 */

/** How things are asked for. */
export interface GatheringOptions<T> {
  /** Answers for all keys; what is missing is null. */
  readonly ask: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>
  /** Most keys in one question. */
  readonly most: number
  /** Most questions under way. */
  readonly atOnce: number
}

/** Things that are asked for together. */
export class Gathering<T> {
  readonly #options: GatheringOptions<T>
  #wanted = new Map<string, PromiseWithResolvers<T | null>>()
  #planned = false
  #asking = 0
  #questions = 0

  constructor(options: GatheringOptions<T>) {
    this.#options = options
  }

  /** How many questions were asked so far. */
  get questions(): number {
    return this.#questions
  }

  /** One thing, or null when there is none. Rejects as the question does. */
  get(key: string): Promise<T | null> {
    const wanted = this.#wanted.get(key) ?? Promise.withResolvers<T | null>()
    this.#wanted.set(key, wanted)
    this.#plan()
    return wanted.promise
  }

  #plan(): void {
    if (this.#planned || this.#wanted.size === 0 || this.#asking >= this.#options.atOnce) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      void this.#ask()
      this.#plan()
    })
  }

  async #ask(): Promise<void> {
    const wanted = this.#take()
    this.#asking++
    this.#questions++
    try {
      const found = await this.#options.ask([...wanted.keys()])
      for (const [key, { resolve }] of wanted) resolve(found.get(key) ?? null)
    } catch (error) {
      for (const { reject } of wanted.values()) reject(error)
    } finally {
      this.#asking--
      this.#plan()
    }
  }

  #take(): ReadonlyMap<string, PromiseWithResolvers<T | null>> {
    const all = this.#wanted
    const { most } = this.#options
    if (all.size <= most) {
      this.#wanted = new Map()
      return all
    }
    const first = new Map([...all].slice(0, most))
    for (const key of first.keys()) all.delete(key)
    return first
  }
}
