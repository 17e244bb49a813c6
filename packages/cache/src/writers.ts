import { AsyncLocalStorage } from 'node:async_hooks'
import type { Turn } from './redis-level.ts'

/** A write whose value is to be kept. */
export interface Writer {
  readonly tenantId: string
  /** Null while they are not known: any drop of the tenant concerns it then. */
  readonly tags: ReadonlySet<string> | null
  /** Somebody else dropped one of the tags: the value may be outdated already. */
  spoiled: boolean
  /** The right to store in Redis, passed from drop to drop; null when it was lost. */
  turn: Promise<Turn | null>
  /** Whether no drop of its own is on its way, so that `turn` is at rest. */
  idle: Turn | null
}

/** Writes under way. A drop is a write's own when it is made inside of it, such as by its commit. */
export class Writers {
  readonly #open = new Set<Writer>()
  readonly #context = new AsyncLocalStorage<Writer>()

  /** The write that the caller is inside of, as long as it is under way. */
  get own(): Writer | undefined {
    if (this.#open.size === 0) return undefined
    const writer = this.#context.getStore()
    return writer && this.#open.has(writer) ? writer : undefined
  }

  /** Runs `write` with `writer` as its own, until `keep` has ended too. */
  async run<T>(writer: Writer, write: () => Promise<T>, keep: (value: T) => Promise<void>): Promise<T> {
    this.#open.add(writer)
    try {
      return await this.#context.run(writer, async () => {
        const value = await write()
        await keep(value)
        return value
      })
    } finally {
      this.#open.delete(writer)
    }
  }

  /**
   * Tags are dropped: all writes that they concern are spoiled, but the one that drops them. Null: everything of the
   * tenant.
   */
  dropped(tenantId: string, tags: readonly string[] | null): void {
    if (this.#open.size === 0) return
    const own = this.own
    for (const writer of this.#open) {
      if (writer === own || writer.tenantId !== tenantId) continue
      if (tags === null || writer.tags === null || tags.some((tag) => writer.tags?.has(tag))) writer.spoiled = true
    }
  }
}
