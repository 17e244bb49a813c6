import type { Database } from '@stoa/db'
import type { IfMatch } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import { type Ctx, requirePermission } from '@stoa/kernel'
import { domainOf, type Mail, type Mailbox, type Sender, type SenderInput } from '@stoa/mail'
import type { Static } from 'typebox'
import { inBody } from './body-faults.ts'
import { senderRemoved, senderUpdated } from './events.ts'
import type { MailSender } from './schema.ts'
import type { SenderProof } from './sender-proof.ts'

/** What they stand on. */
export interface SendersDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly mail: Pick<Mail, 'sender' | 'setSender' | 'removeSender'>
  /** The installation's address. */
  readonly from: Mailbox
  /** null: every tenant may use every domain. */
  readonly proof: SenderProof | null
}

/** Whom the mail of tenants is from. */
export class Senders {
  readonly #deps: SendersDeps

  constructor(deps: SendersDeps) {
    this.#deps = deps
  }

  /** The tenant's sender, else the installation's. Needs `mail:read`. */
  async sender(ctx: Ctx): Promise<Static<typeof MailSender>> {
    const { from, mail } = this.#deps
    const own = await mail.sender(ctx)
    return own ? shown(own) : { isOwn: false, from, replyTo: null, dkim: null, version: 0, updatedAt: null }
  }

  /**
   * Sets all of it. Needs `mail:configure`.
   *
   * @throws StoaError `mail_sender_invalid`, `precondition_failed`; `unavailable` when DNS does not answer
   */
  async updateSender(ctx: Ctx, input: SenderInput, precondition: IfMatch): Promise<Static<typeof MailSender>> {
    requirePermission(ctx, 'mail:configure')
    const { db, journal, mail, proof } = this.#deps
    const domain = domainOf(input.from)
    if (proof !== null && domain !== null) await inBody(proof.check(ctx.tenant.id, domain))
    return db.transaction(ctx, async (tx) => {
      const check = (version: number) => precondition.check(version)
      const sender = await inBody(mail.setSender(ctx, input, { precondition: check }))
      const { dkim, from, version } = sender
      const data = {
        from: from.address,
        dkimDomain: dkim?.domain ?? null,
        dkimSelector: dkim?.selector ?? null,
        version,
      }
      journal.append(ctx, tx, senderUpdated.of(data, [`tenant:${ctx.tenant.id}`]))
      return shown(sender)
    })
  }

  /** Mail is from the installation's address again. Needs `mail:configure`. @throws StoaError `precondition_failed` */
  async removeSender(ctx: Ctx, precondition: IfMatch | null = null): Promise<void> {
    const { db, journal, mail } = this.#deps
    const check = (version: number) => precondition?.check(version)
    await db.transaction(ctx, async (tx) => {
      if (await mail.removeSender(ctx, { precondition: check }))
        journal.append(ctx, tx, senderRemoved.of({}, [`tenant:${ctx.tenant.id}`]))
    })
  }
}

function shown({ dkim, from, replyTo, updatedAt, version }: Sender): Static<typeof MailSender> {
  return { isOwn: true, from, replyTo, dkim: dkim && { ...dkim }, version, updatedAt }
}
