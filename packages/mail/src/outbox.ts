// What a message is and has come to, for those who look.

import type { Database, Tx } from '@stoa/db'
import { type Ctx, errors, type FieldError, isId, requirePermission, StoaError } from '@stoa/kernel'
import { isMailbox, type Mailbox, mailboxOf, sameAddressAs } from './address.ts'
import type { DeliveryFault } from './delivery-error.ts'
import { mailErrors } from './errors.ts'
import { checkedLimit } from './list-limit.ts'
import {
  contentById,
  type MailState,
  type MessageRow,
  messageById,
  messageList,
  messagesToAddress,
  type RecipientRow,
  type RecipientState,
  recipientsOf,
  sentList,
  stateList,
} from './message-store.ts'

/** A message of the outbox. */
export interface MailSummary {
  readonly id: string
  readonly state: MailState
  /** How often it was begun to be sent. */
  readonly attempts: number
  /** The Message-ID, the same in every attempt. */
  readonly messageId: string
  readonly from: Mailbox
  readonly subject: string
  /** As it was composed, in bytes. */
  readonly sizeBytes: number
  /** The engine of the last attempt. */
  readonly transport: string | null
  /** What the provider calls it. */
  readonly providerId: string | null
  /** Why the last attempt did not succeed; null when it did. */
  readonly lastError: { readonly fault: DeliveryFault; readonly response: string } | null
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
  /** When the provider first took it for somebody. */
  readonly sentAt: Date | null
}

/** The same with everybody who gets it. */
export interface MailMessage extends MailSummary {
  readonly recipients: readonly MailRecipient[]
}

/** Somebody who gets a message. */
export interface MailRecipient {
  readonly address: string
  readonly kind: 'to' | 'cc' | 'bcc'
  readonly state: RecipientState
  /** What the provider calls the send that reached this one. */
  readonly providerId: string | null
  /** What was said of it: by the server that refused it, or in the bounce. */
  readonly response: string | null
  readonly updatedAt: Date
}

/** Which messages; `state` and `recipient` exclude each other. */
export interface MailFilter {
  readonly state?: MailState | undefined
  /** An address, in any case of letters. */
  readonly recipient?: string | undefined
  /** `nextCursor` of the page before, with the same filter. */
  readonly cursor?: string | undefined
  /** 1–100. Default 20. */
  readonly limit?: number | undefined
}

/** A page of messages, newest first. */
export interface MailPage {
  readonly messages: readonly MailSummary[]
  /** For the next page; null when there is none. */
  readonly nextCursor: string | null
}

/** One message. Needs `mail:read`. @throws StoaError `mail_not_found` */
export async function findMessage(db: Database, ctx: Ctx, id: string): Promise<MailMessage> {
  requirePermission(ctx, 'mail:read')
  const find = async (tx: Tx) => {
    const [row, recipients] = await Promise.all([
      tx.maybe(messageById(ctx.tenant.id, checkedId(id))),
      tx.many(recipientsOf(ctx.tenant.id, id)),
    ])
    return messageOf(found(row), recipients)
  }
  // The sum and what it is the sum of are looked at in one moment.
  return db.read(ctx, find, { snapshot: true })
}

/**
 * Its bytes, as they were composed: without a signature. Needs `mail:read`. @throws StoaError `mail_not_found`,
 * `mail_confidential`
 */
export async function messageContent(db: Database, ctx: Ctx, id: string): Promise<Buffer> {
  requirePermission(ctx, 'mail:read')
  const row = found(await db.read(ctx, (tx) => tx.maybe(contentById(ctx.tenant.id, checkedId(id)))))
  if (row.confidential) throw new StoaError(mailErrors.mail_confidential)
  return row.content
}

/** Messages, newest first. Needs `mail:read`. @throws StoaError `validation_failed`, `invalid_cursor` */
export async function listMessages(db: Database, ctx: Ctx, filter: MailFilter): Promise<MailPage> {
  requirePermission(ctx, 'mail:read')
  const limit = checkedLimit(filter.limit)
  const { cursor = null } = filter
  if (cursor !== null && !isId(cursor)) throw new StoaError(errors.invalid_cursor)
  const query = listQuery(ctx.tenant.id, cursor, limit + 1, filter)
  const rows = await db.read(ctx, (tx) => tx.many(query))
  const messages = rows.slice(0, limit).map(summaryOf)
  return { messages, nextCursor: rows.length > limit ? (messages.at(-1)?.id ?? null) : null }
}

function listQuery(tenantId: string, after: string | null, limit: number, { state, recipient }: MailFilter) {
  const refuse = (name: string, message: string) => {
    const fields: FieldError[] = [{ pointer: `/query/${name}`, code: 'invalid', message }]
    return new StoaError(errors.validation_failed, { fields })
  }
  if (recipient === undefined) {
    if (state === undefined) return messageList(tenantId, after, limit)
    if (!STATES.has(state)) throw refuse('state', `must be one of ${[...STATES].join(', ')}`)
    return state === 'sent' ? sentList(tenantId, after, limit) : stateList(tenantId, after, limit, state)
  }
  if (state !== undefined) throw refuse('state', 'cannot be asked for together with recipient')
  const box = mailboxOf(recipient)
  if (!isMailbox(box)) throw refuse('recipient', box.message)
  return messagesToAddress(tenantId, after, limit, sameAddressAs(box.address))
}

const STATES = new Set<string>([
  'queued',
  'sending',
  'sent',
  'failed',
  'bounced',
  'complained',
  'suppressed',
] satisfies MailState[])

/** @throws StoaError `mail_not_found` */
export function found<T>(row: T | undefined): T {
  if (row === undefined) throw new StoaError(mailErrors.mail_not_found)
  return row
}

/** An id that PostgreSQL takes; what is none belongs to no message. @throws StoaError `mail_not_found` */
export function checkedId(id: string): string {
  return found(isId(id) ? id : undefined)
}

/** A message as it is shown. */
export function messageOf(row: MessageRow, recipients: readonly RecipientRow[]): MailMessage {
  const shown = recipients.map(({ addressKey: _key, ...recipient }) => recipient)
  return { ...summaryOf(row), recipients: shown }
}

function summaryOf({ fromAddress, fromName, lastFault, lastResponse, ...row }: MessageRow): MailSummary {
  const lastError = lastFault === null ? null : { fault: lastFault as DeliveryFault, response: lastResponse ?? '' }
  return { ...row, from: { address: fromAddress, name: fromName }, lastError }
}
