/**
 * Single clicks go after some days. What the API shows is made of sums, which stay, so no count changes.
 *
 * The clicks of a day lie in a partition of their own, in each schema that has clicks: made two days ahead, and dropped as
 * a whole when it is old. There is always a default partition, so a click never fails for want of a day; what fell into
 * it stays there and is deleted by the row. What was written before there were days is deleted by the row too.
 *
 * Two processes that do it at once do no harm: what one has done, the other finds done.
 */
import { type AdminSession, type Database, sqlState } from '@stoa/db'
import { type BaseCtx, backoffMs, repeat, systemClock, tenantCtx } from '@stoa/kernel'
import { dayOf } from '../analytics/visitor-salts.ts'
import { everyTenant } from '../every-tenant.ts'
import { attachClickDay, clickDays, clickSchemas, dropClickDay, trimDefault } from './click-day-store.ts'
import { deleteClicksBefore } from './click-store.ts'

const DAY_MS = 86_400_000
const DAYS_AHEAD = 2
const EVERY_MS = 6 * 3_600_000
const BATCH = 5_000
const LOCK_TIMEOUT_MS = 300
const LOCK_ATTEMPTS = 10
const DUPLICATE_TABLE = '42P07'
const UNDEFINED_TABLE = '42P01'
const CHECK_VIOLATION = '23514'
const LOCK_NOT_AVAILABLE = '55P03'

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
      await keepDaysOf(session, schema, now, days)
    }
  })
}

async function keepDaysOf(session: AdminSession, schema: string, now: number, days: number): Promise<void> {
  const existing = new Set(await clickDays(session, schema))
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
    const at = now + ahead * DAY_MS
    const wanted = { day: dayOf(at), next: dayOf(at + DAY_MS) }
    if (existing.has(wanted.day)) continue
    await unless([DUPLICATE_TABLE, CHECK_VIOLATION], () => attachClickDay(session, schema, wanted, LOCK_TIMEOUT_MS))
  }
  const oldest = dayOf(now - days * DAY_MS)
  for (const day of existing) {
    if (day < oldest) await unless([UNDEFINED_TABLE], () => dropClickDay(session, schema, day, LOCK_TIMEOUT_MS))
  }
  const before = new Date(now - days * DAY_MS)
  while ((await trimDefault(session, schema, before, BATCH)) === BATCH);
}

/** Does it, trying again while somebody else has the lock; these failures mean that there is nothing to do. */
async function unless(harmless: readonly string[], change: () => Promise<void>): Promise<void> {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    try {
      return await change()
    } catch (error) {
      const state = sqlState(error) ?? ''
      if (harmless.includes(state)) return
      if (state !== LOCK_NOT_AVAILABLE) throw error
      await systemClock.sleep(backoffMs(attempt, 50, 1_000))
    }
  }
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
