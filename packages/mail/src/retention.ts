import type { Database } from '@stoa/db'
import type { BaseCtx } from '@stoa/kernel'
import { messagesForgotten } from './message-store.ts'

const DAY_MS = 86_400_000
/** Messages per transaction, so that none of them takes long. */
const BATCH = 500

/** See {@link Mail.forget}. */
export async function forgetMessages(db: Database, ctx: BaseCtx, days: number): Promise<number> {
  if (!Number.isInteger(days) || days < 1 || days > 36_500) throw new RangeError('days must be 1 to 36500')
  const before = new Date(ctx.clock.now() - days * DAY_MS)
  for (let forgotten = 0; ; ) {
    const count = await db.system(ctx, (tx) => tx.run(messagesForgotten(before, BATCH)))
    forgotten += count
    if (count < BATCH || ctx.signal?.aborted) return forgotten
  }
}
