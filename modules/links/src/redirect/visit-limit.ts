/**
 * Links with a maximum of visits. The database counts, because only it knows of all processes: no more visits than the
 * maximum are ever redirected, however many come at once. Those of one link that come to this process while a count is
 * under way are counted together by the next one, so a link that a crowd follows costs a few statements and not one each.
 *
 * A visit that was counted and whose answer was lost (a crash, a connection that broke at the commit) is used up.
 */
import type { Tenant } from '@stoa/kernel'

/** Counts visits. @returns how many of those wanted may pass */
export type TakeVisits = (tenant: Tenant, linkId: string, wanted: number) => Promise<number>

/** Most visits that are counted together. */
const TOGETHER = 1_000

/** Who may still follow links that have a maximum. */
export class VisitLimit {
  readonly #take: TakeVisits
  readonly #waiting = new Map<string, PromiseWithResolvers<boolean>[]>()

  constructor(take: TakeVisits) {
    this.#take = take
  }

  /** Whether one more visit may pass; it is counted then. Rejects when the database cannot be asked. */
  pass(tenant: Tenant, linkId: string): Promise<boolean> {
    const visit = Promise.withResolvers<boolean>()
    const waiting = this.#waiting.get(linkId)
    if (waiting) waiting.push(visit)
    else {
      this.#waiting.set(linkId, [visit])
      void this.#count(tenant, linkId)
    }
    return visit.promise
  }

  /** Until nobody waits for this link any more. */
  async #count(tenant: Tenant, linkId: string): Promise<void> {
    for (;;) {
      const visits = this.#waiting.get(linkId)?.splice(0, TOGETHER) ?? []
      if (visits.length === 0) break
      try {
        const granted = await this.#take(tenant, linkId, visits.length)
        for (const [index, { resolve }] of visits.entries()) resolve(index < granted)
      } catch (error) {
        for (const { reject } of visits) reject(error)
      }
    }
    this.#waiting.delete(linkId)
  }
}
