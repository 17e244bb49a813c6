/**
 * What clicks are counted by (country, device and so on) is summed by half hours some time after they were written, for
 * many at once: written along with each click it would cost more than the click.
 *
 *   clicks written ─▶ their batch is listed, and a job asked for at the end of the hour ─▶ the job folds every batch
 *                     that is listed, 100,000 clicks at a time ─▶ facets; the batch is off the list
 *
 * Who reads adds what is listed to the facets in one snapshot, so nothing is missed and nothing counted twice, however
 * long the job is in coming. A crash in the middle undoes the piece that it was at.
 */
import type { Database } from '@stoa/db'
import type { Ctx } from '@stoa/kernel'
import { defineJob } from '@stoa/queue'
import { Type } from 'typebox'
import { foldBatches, forgetVisitors } from '../analytics/click-fold-store.ts'
import { dayOf } from '../analytics/visitor-salts.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** Clicks of one transaction. */
const MOST = 100_000
/** After the end of the hour: what was written at its end is committed by then, and not all tenants come at once. */
const LATER_MS = 60_000
const SPREAD_MS = 240_000

/** `links.fold_clicks`: sums up what a tenant's clicks are counted by. */
export function foldClicks(db: Database) {
  return defineJob({
    name: 'links.fold_clicks',
    description: 'Sums up what clicks on short links are counted by.',
    lane: 'bulk',
    timeoutMs: 900_000,
    input: Type.Object({ hour: Type.Integer({ minimum: 0 }) }, { additionalProperties: false }),
    unique: { key: ({ hour }) => String(hour) },
    async run(ctx, _input, job) {
      let clicks = 0
      for (;;) {
        job.signal.throwIfAborted()
        const folded = await db.transaction(ctx, (tx) => foldBatches(tx, ctx.tenant.id, MOST))
        clicks += folded.clicks
        if (folded.batches === 0) break
      }
      await db.transaction(ctx, (tx) => forgetVisitors(tx, ctx.tenant.id, dayOf(ctx.clock.now() - 2 * DAY_MS)))
      return { clicks }
    },
  })
}

/** Knows for which tenants this process has asked for a fold at the end of the present hour. */
export class FoldRequests {
  #hour = 0
  #asked = new Set<string>()

  /** The job to ask for with a write; null when it has been asked for. Once it is committed: {@link done}. */
  needed(ctx: Ctx): { readonly hour: number; readonly runAt: Date } | null {
    const hour = Math.floor(ctx.clock.now() / HOUR_MS)
    if (hour === this.#hour && this.#asked.has(ctx.tenant.id)) return null
    const spread = Number.parseInt(ctx.tenant.id.slice(-4), 16) % SPREAD_MS
    return { hour, runAt: new Date((hour + 1) * HOUR_MS + LATER_MS + spread) }
  }

  /** The job for this hour is there. */
  done({ tenant }: Ctx, hour: number): void {
    if (hour !== this.#hour) this.#asked = new Set()
    this.#hour = hour
    this.#asked.add(tenant.id)
  }
}
