/**
 * Gives links their words that have none yet: those of before there were words, and those that a process of an older release
 * makes while it still runs. Now and every ten minutes; where there are none, it is one look at an empty index.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, repeat, tenantCtx } from '@stoa/kernel'
import { everyTenant } from '../every-tenant.ts'
import { fillWords } from '../link-store.ts'

const EVERY_MS = 600_000
const AT_ONCE = 500

/** Until disposed. A failure is logged; the next time tries again. */
export function keepWords(db: Database, ctx: BaseCtx): AsyncDisposable {
  const work = async (signal: AbortSignal): Promise<void> => {
    for await (const tenant of everyTenant(db, ctx)) {
      const own = { ...tenantCtx(ctx, tenant), signal }
      let filled = AT_ONCE
      while (filled === AT_ONCE && !signal.aborted) {
        filled = await db.transaction(own, (tx) => fillWords(tx, tenant.id, AT_ONCE))
      }
      if (signal.aborted) return
    }
  }
  const onError = (err: unknown) => ctx.log.warn({ err }, 'links could not be given their words: later again')
  return repeat(work, { clock: ctx.clock, firstMs: 0, everyMs: EVERY_MS, onError })
}
