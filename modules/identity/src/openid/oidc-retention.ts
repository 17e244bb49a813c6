import type { Database } from '@stoa/db'
import { type BaseCtx, repeat } from '@stoa/kernel'
import { removeEndedRecords } from './oidc-record-store.ts'
import { removeRetiredKeys } from './signing-key-store.ts'

const EVERY_MS = 60_000
/** Records per transaction, so that none of them takes long. */
const BATCH = 1_000
/** A record that is over answers for a while still: a refresh token that was used and is shown again ends its grant. */
const LINGER_MS = 3_600_000

/** Removes what the providers have given out and what is over. */
export function retainRecords({ ctx, db }: { readonly db: Database; readonly ctx: BaseCtx }): AsyncDisposable {
  return repeat(
    async () => {
      const now = ctx.clock.now()
      for (let removed = BATCH; removed === BATCH; ) {
        removed = await db.system(ctx, (tx) => removeEndedRecords(tx, new Date(now - LINGER_MS), BATCH))
      }
      await db.system(ctx, (tx) => removeRetiredKeys(tx, new Date(now)))
    },
    {
      clock: ctx.clock,
      everyMs: EVERY_MS,
      onError: (err) => ctx.log.warn({ err }, 'what the OpenID providers keep could not be tidied up'),
    },
  )
}
