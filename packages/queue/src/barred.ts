/*
 * What a worker must not claim: kinds that are paused, and kinds of tenants that have asked for their turn and have to
 * wait for it. A limit of one tenant holds up that tenant alone, as long as no more than a hundred wait for a turn: the
 * database compares each job with all of them. Beyond that a kind is claimed for none of its tenants.
 */

/** What must not be claimed. */
export interface Barred {
  readonly kinds: readonly string[]
  /** As {@link turnOf} has them. */
  readonly turns: readonly string[]
}

/** A kind of one tenant. */
export function turnOf(tenantId: string, kind: string): string {
  return `${tenantId}/${kind}`
}

const MAX_TURNS = 100

/** Who has to wait for a turn, and until when. */
export class OutOfTurns {
  /** By kind, then by tenant: a time of `performance.now()`. */
  readonly #until = new Map<string, Map<string, number>>()

  /** A job of this kind may not start for so long. */
  add(tenantId: string, kind: string, forMs: number): void {
    const tenants = this.#until.get(kind) ?? new Map<string, number>()
    this.#until.set(kind, tenants.set(tenantId, performance.now() + forMs))
  }

  /** What is barred now, besides these kinds. */
  barred(kinds: readonly string[]): Barred {
    if (this.#until.size === 0) return { kinds, turns: [] }
    const now = performance.now()
    const full: string[] = []
    const turns: string[] = []
    for (const [kind, tenants] of this.#until) {
      for (const [tenantId, until] of tenants) if (!(until > now)) tenants.delete(tenantId)
      if (tenants.size === 0) this.#until.delete(kind)
      else if (turns.length + tenants.size > MAX_TURNS) full.push(kind)
      else for (const tenantId of tenants.keys()) turns.push(turnOf(tenantId, kind))
    }
    return { kinds: [...kinds, ...full], turns }
  }
}
