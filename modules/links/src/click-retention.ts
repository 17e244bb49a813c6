/**
 * Single clicks go after some days. What the API shows is made of the sums per hour, which stay, so no count changes.
 *
 * Once a day, tenant by tenant and oldest first, each batch a short transaction. Two processes that do it at once do no
 * harm: what one has deleted, the other finds gone.
 *
 * Rejected for now: partitions by day, which are dropped instead of emptied. Each placement would need its own, made
 * ahead of time by a role that may, and single clicks have no reader yet.
 */
import { type Database, tenantList } from '@stoa/db'
import { type BaseCtx, repeat, type Tenant, tenantCtx } from '@stoa/kernel'
import { deleteClicksBefore } from './click-store.ts'

const DAY_MS = 86_400_000
/** The first time is a while after the start, which has other things to do. */
const FIRST_MS = 60_000
const BATCH = 5_000
const TENANTS_AT_ONCE = 500

/** Deletes old clicks every day until it is disposed. A failure is logged, and the next day tries again. */
export function retainClicks(db: Database, ctx: BaseCtx, days: number): AsyncDisposable {
  const work = async (signal: AbortSignal): Promise<void> => {
    const deleted = await deleteOldClicks(db, { ...ctx, signal }, days)
    if (deleted > 0) ctx.log.info({ deleted, days }, 'old clicks deleted')
  }
  const onError = (err: unknown) => ctx.log.error({ err }, 'old clicks could not be deleted; tomorrow tries again')
  return repeat(work, { clock: ctx.clock, firstMs: FIRST_MS, everyMs: DAY_MS, onError })
}

/**
 * Deletes the clicks of all tenants that are older than so many days, until the signal of the context ends it. Gives
 * their number.
 */
export async function deleteOldClicks(db: Database, ctx: BaseCtx, days: number): Promise<number> {
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

async function* everyTenant(db: Database, ctx: BaseCtx): AsyncGenerator<Tenant> {
  for (let after = ''; ; ) {
    const tenants = await tenantList(db, ctx, { after, limit: TENANTS_AT_ONCE })
    yield* tenants
    const last = tenants.at(-1)
    if (last === undefined) return
    after = last.slug
  }
}
