import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import type { Ctx } from '@stoa/kernel'
import type { Mail, Suppression, SuppressionInput } from '@stoa/mail'
import { inBody } from './body-faults.ts'
import { suppressionAdded, suppressionRemoved } from './events.ts'

/** What they stand on. */
export interface SuppressionsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly mail: Pick<Mail, 'suppress' | 'unsuppress'>
}

/** Whom nothing is sent to, and that somebody has changed it. */
export class Suppressions {
  readonly #deps: SuppressionsDeps

  constructor(deps: SuppressionsDeps) {
    this.#deps = deps
  }

  /** Needs `mail:configure`. @throws StoaError `mail_invalid`, `mail_suppression_exists` */
  addSuppression(ctx: Ctx, input: SuppressionInput): Promise<Suppression> {
    const { db, journal, mail } = this.#deps
    return db.transaction(ctx, async (tx) => {
      const added = await inBody(mail.suppress(ctx, { ...input, isNew: true }))
      const { address, note, reason } = added
      journal.append(ctx, tx, suppressionAdded.of({ address, reason, note }, [`tenant:${ctx.tenant.id}`]))
      return added
    })
  }

  /** Of an address that is not on the list, nothing is changed. Needs `mail:configure`. */
  async removeSuppression(ctx: Ctx, { address, note }: { readonly address: string; readonly note?: string }) {
    const { db, journal, mail } = this.#deps
    await db.transaction(ctx, async (tx) => {
      const removed = await mail.unsuppress(ctx, address)
      if (removed === null) return
      const data = { address: removed.address, reason: removed.reason, note: note ?? null }
      journal.append(ctx, tx, suppressionRemoved.of(data, [`tenant:${ctx.tenant.id}`]))
    })
  }
}
