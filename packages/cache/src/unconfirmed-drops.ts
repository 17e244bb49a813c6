import { DropLog } from './drop-log.ts'
import { memoryTag } from './keys.ts'

/** A drop on its way to Redis. */
export interface Ticket {
  readonly tenantId: string
  /** Null: everything of the tenant. */
  readonly tags: readonly string[] | null
}

/** Per tenant; above this everything of the tenant is dropped instead. */
const MAX_TAGS = 1_000
/** Tenants with drops that failed; above this they are no longer told apart. */
const MAX_TENANTS = 10_000
/** Confirmations that are remembered for reads under way. */
const REMEMBERED = 10_000

/**
 * Drops that Redis has not confirmed. What it has under these tags is not believed, and neither is what was asked
 * before the confirmation and comes after it. Drops that failed are kept, within bounds, until somebody sends them
 * again.
 */
export class UnconfirmedDrops {
  readonly #open = new Map<string, number>()
  readonly #confirmed = new DropLog(REMEMBERED)
  readonly #failed = new Map<string, Set<string> | null>()
  #overflowed = false

  /** The present moment, to be kept by whoever reads. */
  get now(): number {
    return this.#confirmed.now
  }

  /** How many drops wait to be sent again. */
  get failed(): number {
    let count = 0
    for (const tags of this.#failed.values()) count += tags?.size ?? 1
    return count
  }

  /**
   * Whether there were more failed drops than can be kept: nothing that Redis has now can be believed by this process.
   * Asking takes the mark away.
   */
  takeOverflow(): boolean {
    const overflowed = this.#overflowed
    this.#overflowed = false
    return overflowed
  }

  /** A drop is about to be sent. */
  begin(ticket: Ticket): void {
    for (const name of namesOf(ticket)) this.#open.set(name, (this.#open.get(name) ?? 0) + 1)
  }

  /** It was confirmed. */
  confirm(ticket: Ticket): void {
    for (const name of namesOf(ticket)) {
      this.#confirmed.note(name)
      this.#close(name)
    }
  }

  /** It failed, or may have: it is kept until {@link takeFailed}. */
  fail(ticket: Ticket): void {
    const { tags, tenantId } = ticket
    this.#keep(tenantId, tags)
    // Closed after it is kept: there is no moment at which nobody doubts.
    for (const name of namesOf(ticket)) this.#close(name)
  }

  /** Takes one tenant's failed drops, begun again as one. */
  takeFailed(): Ticket | undefined {
    for (const [tenantId, tags] of this.#failed) {
      const ticket = { tenantId, tags: tags && [...tags] }
      this.begin(ticket)
      this.#failed.delete(tenantId)
      return ticket
    }
    return undefined
  }

  /** Whether what Redis has under these tags is to be doubted by whoever asked at the moment. */
  doubts(tenantId: string, tags: readonly string[], moment: number): boolean {
    const failed = this.#failed.get(tenantId)
    if (failed === null) return true
    for (const tag of tags) if (failed?.has(tag)) return true
    for (const name of namesOf({ tenantId, tags: [WHOLE, ...tags] })) {
      if (this.#open.has(name) || this.#confirmed.droppedSince(name, moment)) return true
    }
    return false
  }

  #keep(tenantId: string, tags: readonly string[] | null): void {
    const known = this.#failed.get(tenantId)
    if (known === null) return
    const all = tags && new Set([...(known ?? []), ...tags])
    this.#failed.set(tenantId, all && all.size <= MAX_TAGS ? all : null)
    if (this.#failed.size <= MAX_TENANTS) return
    this.#failed.clear()
    this.#overflowed = true
  }

  #close(name: string): void {
    const count = this.#open.get(name) ?? 0
    if (count > 1) this.#open.set(name, count - 1)
    else this.#open.delete(name)
  }
}

const WHOLE = ''

function namesOf({ tenantId, tags }: Ticket): string[] {
  return (tags ?? [WHOLE]).map((tag) => memoryTag(tenantId, tag))
}
