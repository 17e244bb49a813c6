import type { Tx } from '@stoa/db'
import { type Ctx, newId } from '@stoa/kernel'
import { isMailbox, type Mailbox, mailboxOf, sameAddressAs } from './address.ts'
import { Faults } from './fields.ts'
import type { MailGround } from './mail-deps.ts'
import { type CheckedMail, checkedMail, type MailInput, refuseFaults } from './message.ts'
import { addMessage } from './message-store.ts'
import { mimeOf } from './mime.ts'
import { type SenderRow, senderOf } from './sender-store.ts'

/** How to compose. */
export interface ComposeOptions {
  /** A UUIDv7 that nothing else has: that of the job which will deliver the message, say. Default: a new one. */
  readonly id?: string | undefined
  /** JSON pointer to the message within what the caller sent, such as `/body`: where faults are. Default: empty. */
  readonly pointer?: string | undefined
}

/** See {@link Mail.compose}. */
export async function composeMessage(
  ground: MailGround,
  ctx: Ctx,
  tx: Tx,
  input: MailInput,
  { id = newId(ctx.clock), pointer = '' }: ComposeOptions = {},
): Promise<string> {
  if (tx.tenantId !== ctx.tenant.id) throw new TypeError('mail is composed in a transaction of its own tenant')
  const mail = checkedMail(input, ground.limits, pointer)
  const row = await tx.maybe(senderOf(ctx.tenant.id))
  const from = chosenFrom(ground, row, mail, pointer)
  const replyTo = mail.replyTo ?? replyToOf(row)
  const at = new Date(ctx.clock.now())
  const messageId = `<${id}@${from.address.slice(from.address.lastIndexOf('@') + 1)}>`
  const content = await mimeOf(mail, { from, replyTo, messageId, date: at })
  const { maxBytes } = ground.limits
  if (content.length > maxBytes) {
    const faults = new Faults()
    faults.add('', 'too_large', `a message has at most ${maxBytes} bytes as it is sent (this has ${content.length})`)
    refuseFaults(faults, pointer)
  }
  addMessage(tx, ctx.tenant.id, {
    id,
    messageId,
    fromAddress: from.address,
    fromName: from.name,
    subject: mail.subject,
    content,
    confidential: input.confidential ?? false,
    recipients: mail.recipients.map(({ address, kind }) => ({ key: sameAddressAs(address), address, kind })),
    by: `${ctx.actor.type}:${ctx.actor.id}`,
    at,
  })
  const recipients = mail.recipients.map(({ address }) => ({ address, state: 'queued' as const }))
  ground.record?.(ctx, tx, { id, state: 'queued', recipients })
  return id
}

/** Under the installation's address only the name can be chosen; under a tenant's own domain the whole address. */
function chosenFrom({ from }: MailGround, row: SenderRow | undefined, mail: CheckedMail, pointer: string): Mailbox {
  const own = row ? { address: row.fromAddress, name: row.fromName } : from
  if (mail.from === null) return own
  const same = sameAddressAs(mail.from.address) === sameAddressAs(own.address)
  if (!same && !(row && domainOf(mail.from.address) === domainOf(own.address))) {
    const faults = new Faults()
    const wanted = row ? `an address at ${domainOf(own.address)}` : own.address
    faults.add('/from', 'not_allowed', `must be ${wanted}`)
    refuseFaults(faults, pointer)
  }
  return { address: mail.from.address, name: mail.from.name ?? (same ? own.name : null) }
}

function replyToOf(row: SenderRow | undefined): Mailbox | null {
  const box = row?.replyTo ? mailboxOf(row.replyTo) : null
  return box !== null && isMailbox(box) ? box : null
}

const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1)
