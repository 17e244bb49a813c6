/**
 * Single clicks go after some days. What the API shows is made of sums, which stay, so no count changes.
 *
 * The clicks of a day lie in a partition of their own, in each schema that has clicks: made two days ahead, and dropped as
 * a whole when it is old. There is always a default partition, so a click never fails for want of a day; what fell into
 * it stays there and is deleted by the row. What was written before there were days is deleted by the row too.
 *
 * Two processes that do it at once do no harm: what one has done, the other finds done.
 */
import type { AdminSession, Database } from '@stoa/db'
import { type BaseCtx, repeat, tenantCtx } from '@stoa/kernel'
import { dayOf } from '../analytics/visitor-salts.ts'
import { everyTenant } from '../every-tenant.ts'
import { attachClickDay, clickDays, clickSchemas, dropClickDay, trimDefault } from './click-day-store.ts'
import { deleteClicksBefore } from './click-store.ts'

const DAY_MS = 86_400_000
const DAYS_AHEAD = 2
const EVERY_MS = 6 * 3_600_000
const BATCH = 5_000

/** Makes days and drops them, now and every six hours, until disposed. A failure is logged; the next time tries again. */
export function keepClickDays(db: Database, ctx: BaseCtx, days: number): AsyncDisposable {
  const work = async (signal: AbortSignal): Promise<void> => {
    const own = { ...ctx, signal }
    await keepDays(db, own, days)
    const deleted = await deleteOldClicks(db, own, days)
    if (deleted > 0) ctx.log.info({ deleted, days }, 'old clicks deleted')
  }
  const onError = (err: unknown) => ctx.log.error({ err }, 'days of clicks could not be kept in order; later again')
  return repeat(work, { clock: ctx.clock, firstMs: 0, everyMs: EVERY_MS, onError })
}

/** Makes the days to come, and drops those that are older than so many days. */
export async function keepDays(db: Database, ctx: BaseCtx, days: number): Promise<void> {
  const now = ctx.clock.now()
  await db.admin(async (session) => {
    for (const schema of await clickSchemas(session)) {
      if (ctx.signal?.aborted) return
      await keepDaysOf(session, schema, { now, days, signal: ctx.signal })
    }
  })
}

interface Keeping {
  readonly now: number
  readonly days: number
  readonly signal: AbortSignal | null
}

/** What others hold all the time is left to the next time. */
async function keepDaysOf(session: AdminSession, schema: string, { now, days, signal }: Keeping): Promise<void> {
  const existing = new Set(await clickDays(session, schema))
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
    const at = now + ahead * DAY_MS
    const wanted = { day: dayOf(at), next: dayOf(at + DAY_MS) }
    if (!existing.has(wanted.day)) await attachClickDay(session, schema, wanted, signal)
  }
  const oldest = dayOf(now - days * DAY_MS)
  for (const day of existing) if (day < oldest) await dropClickDay(session, schema, day, signal)
  const before = new Date(now - days * DAY_MS)
  while ((await trimDefault(session, schema, before, BATCH)) === BATCH);
}

/**
 * Deletes the clicks of all tenants that were written before there were days and are older than so many days, until the
 * signal of the context ends it. Gives their number.
 */
async function deleteOldClicks(db: Database, ctx: BaseCtx, days: number): Promise<number> {
  const before = new Date(ctx.clock.now() - days * DAY_MS)
  let deleted = 0
  for await (const tenant of everyTenant(db, ctx)) {
    const own = tenantCtx(ctx, tenant)
    let count = BATCH
    while (count === BATCH && !ctx.signal?.aborted) {
      count = await db.transaction(own, (tx) => deleteClicksBefore(tx, tenant.id, before, BATCH))
      deleted += count
    }
    if (ctx.signal?.aborted) break
  }
  return deleted
}
