/* The write of a batch of clicks: their rows, their sums, the event, and a job that folds them later, in one transaction. */
import { randomBytes } from 'node:crypto'
import type { BaseCtx, Tenant } from '@stoa/kernel'
import { tenantCtx } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import type { JobDefinition } from '@stoa/queue'
import { withSpan } from '@stoa/telemetry'
import type { ClickDetailsFinder } from '../analytics/click-details.ts'
import { clicksRecorded } from '../events.ts'
import { FoldRequests } from '../jobs/fold-clicks.ts'
import { insertClicks } from './click-store.ts'
import type { Click } from './clicks.ts'

/** Links that an event of clicks names at most. */
const NAMED_LINKS = 50

/** What a write works with. */
export interface ClickWritingDeps extends Pick<Columns, 'db' | 'journal' | 'queue'> {
  readonly ctx: BaseCtx
  readonly details: ClickDetailsFinder
  readonly fold: JobDefinition
}

/** Writes clicks of one tenant; see {@link ClicksOptions.write}. */
export function clickWriting(deps: ClickWritingDeps): (tenant: Tenant, clicks: readonly Click[]) => Promise<void> {
  const { ctx, db, details: finder, fold, journal, queue } = deps
  const requests = new FoldRequests()
  return async (tenant, clicks) => {
    const own = tenantCtx(ctx, tenant)
    const details = await finder.find(clicks)
    const batch = randomBytes(6).readUIntBE(0, 6)
    const needed = requests.needed(own)
    await withSpan('links.clicks', { 'stoa.clicks': clicks.length }, () =>
      db.transaction(own, async (tx) => {
        if (needed !== null) await queue.enqueueOnce(own, tx, fold, { hour: needed.hour }, { runAt: needed.runAt })
        const recorded = await insertClicks(tx, tenant.id, clicks, details, batch)
        if (recorded.links === 0) return
        const byLink = recorded.clicks + recorded.bots === clicks.length ? mostClicked(clicks) : []
        journal.append(own, tx, clicksRecorded.of({ ...recorded, byLink }, [`tenant:${tenant.id}`]))
      }),
    )
    if (needed !== null) requests.done(own, needed.hour)
  }
}

/** The links that were followed most, with how often. */
function mostClicked(clicks: readonly Click[]): { id: string; clicks: number; bots: number }[] {
  // What a process remembers of a link has its id as one object, so that this costs no text for each click.
  const counts = new Map<Buffer, { clicks: number; bots: number }>()
  for (const { agent, link } of clicks) {
    const count = counts.get(link) ?? { clicks: 0, bots: 0 }
    if (agent.isBot) count.bots++
    else count.clicks++
    counts.set(link, count)
  }
  const entries = [...counts].sort(([, a], [, b]) => b.clicks + b.bots - a.clicks - a.bots).slice(0, NAMED_LINKS)
  const byId = new Map<string, { clicks: number; bots: number }>()
  for (const [link, { bots, clicks: people }] of entries) {
    const id = uuidText(link)
    const before = byId.get(id) ?? { clicks: 0, bots: 0 }
    byId.set(id, { clicks: before.clicks + people, bots: before.bots + bots })
  }
  return [...byId].map(([id, count]) => ({ id, ...count }))
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
