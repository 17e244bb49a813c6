import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, StoaError } from '@stoa/kernel'
import { type Mail, mailErrors, type Suppression, type SuppressionInput } from '@stoa/mail'
import { inBody } from './body-faults.ts'
import { suppressionAdded, suppressionRemoved } from './events.ts'

/** What they stand on. */
export interface SuppressionsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly mail: Pick<Mail, 'suppress' | 'unsuppress' | 'suppression'>
}

/** Whom nothing is sent to, and that somebody has changed it. */
export class Suppressions {
  readonly #deps: SuppressionsDeps

  constructor(deps: SuppressionsDeps) {
    this.#deps = deps
  }

  /** Needs `mail:read`. @throws StoaError `mail_suppression_not_found` */
  async suppression(ctx: Ctx, address: string): Promise<Suppression> {
    const found = await this.#deps.mail.suppression(ctx, address)
    if (found === null) throw new StoaError(mailErrors.mail_suppression_not_found)
    return found
  }

  /** Needs `mail:configure`. @throws StoaError `mail_invalid`, `mail_suppression_exists` */
  addSuppression(ctx: Ctx, input: SuppressionInput): Promise<Suppression> {
    const { db, journal, mail } = this.#deps
    return db.transaction(ctx, async (tx) => {
      const added = await inBody(mail.suppress(ctx, { ...input, isNew: true }))
      const { address, reason } = added
      journal.append(ctx, tx, suppressionAdded.of({ address, reason }, [`tenant:${ctx.tenant.id}`]))
      return added
    })
  }

  /** Needs `mail:configure`. @throws StoaError `mail_suppression_not_found` */
  async removeSuppression(ctx: Ctx, address: string): Promise<void> {
    const { db, journal, mail } = this.#deps
    await db.transaction(ctx, async (tx) => {
      const removed = await mail.unsuppress(ctx, address)
      if (removed === null) throw new StoaError(mailErrors.mail_suppression_not_found)
      const { reason } = removed
      journal.append(ctx, tx, suppressionRemoved.of({ address: removed.address, reason }, [`tenant:${ctx.tenant.id}`]))
    })
  }
}
