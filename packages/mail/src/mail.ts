import type { Tx } from '@stoa/db'
import type { BaseCtx, Ctx } from '@stoa/kernel'
import { type ComposeOptions, composeMessage } from './compose.ts'
import { type DeliverOptions, deliverMessage } from './deliver.ts'
import { type FeedbackReport, type MailFeedback, recordFeedback } from './feedback.ts'
import { abandonMessage, requeueMessage } from './give-up.ts'
import { type MailDeps, type MailOptions, mailGround } from './mail-deps.ts'
import type { MailInput } from './message.ts'
import {
  findMessage,
  listMessages,
  type MailFilter,
  type MailMessage,
  type MailPage,
  messageContent,
} from './outbox.ts'
import { forgetMessages } from './retention.ts'
import {
  removeSender,
  type Sender,
  type SenderInput,
  type SetSenderOptions,
  saveSender,
  tenantSender,
} from './sender.ts'
import type { Suppression } from './suppression-store.ts'
import {
  addSuppression,
  findSuppression,
  listSuppressions,
  removeSuppression,
  type SuppressionInput,
  type SuppressionPage,
} from './suppressions.ts'

/** The permissions of mail, with what each allows. */
export const mailPermissions = {
  'mail:read': 'See the mail of the organisation: whom it went to, and what became of it.',
  'mail:configure': 'Set whom mail is from, and whom none is sent to.',
} as const

/**
 * The outbox of mail. `compose`, `deliver`, `abandon` and `requeue` are for rooms and jobs, which have decided already
 * who may do this; the others ask for a permission.
 */
export interface Mail {
  /**
   * Checks a message, makes its bytes, and puts it into the outbox, in the caller's transaction: what rolls back is
   * never sent. Whoever composes also sees to it that it is delivered, by a job in the same transaction.
   *
   * @returns its id
   * @throws StoaError `mail_invalid` with the fields at fault
   */
  compose(ctx: Ctx, tx: Tx, message: MailInput, options?: ComposeOptions): Promise<string>
  /**
   * Makes one attempt to send a message to those who have not got it. A message that has had its outcome is given as it
   * is, and nothing is sent.
   *
   * @returns the message, when it is `sent` (also when some receivers were refused for good), `bounced`, `complained`
   * or `suppressed`
   * @throws MailDeliveryError retryable, with `retryAfterMs`: somebody has not got it yet
   * @throws MailDeliveryError not retryable: nobody got it, and nobody will
   * @throws StoaError `mail_not_found`; `mail_in_flight` (retryable) while another attempt is under way;
   * `mail_inside_transaction`, because an attempt takes as long as the provider does
   */
  deliver(ctx: Ctx, id: string, options?: DeliverOptions): Promise<MailMessage>
  /**
   * Stops trying: whoever has not got it is `failed`.
   *
   * @throws StoaError `mail_not_found`, `mail_in_flight`
   */
  abandon(ctx: Ctx, tx: Tx, id: string, reason: string): Promise<MailMessage>
  /**
   * Those who were refused, given up or suppressed wait again; who got it does not. It is delivered by a new job.
   *
   * @throws StoaError `mail_not_found`, `mail_in_flight`
   */
  requeue(ctx: Ctx, tx: Tx, id: string): Promise<MailMessage>
  /** One message with everybody who gets it. Needs `mail:read`. @throws StoaError `mail_not_found` */
  message(ctx: Ctx, id: string): Promise<MailMessage>
  /** Its bytes (RFC 5322), as they were composed. Needs `mail:read`. @throws StoaError `mail_not_found`, `mail_confidential` */
  content(ctx: Ctx, id: string): Promise<Buffer>
  /** Messages, newest first. Needs `mail:read`. @throws StoaError `validation_failed`, `invalid_cursor` */
  messages(ctx: Ctx, filter?: MailFilter): Promise<MailPage>
  /**
   * Records what a provider tells later. Hard bounces and complaints put the address on the tenant's list of whom
   * nothing is sent to. The caller has made sure that it is the provider who tells.
   */
  recordFeedback(ctx: BaseCtx, feedback: MailFeedback): Promise<FeedbackReport>
  /** Whom nothing is sent to, by address. Needs `mail:read`. @throws StoaError `validation_failed`, `invalid_cursor` */
  suppressions(ctx: Ctx, page?: { readonly cursor?: string; readonly limit?: number }): Promise<SuppressionPage>
  /** The entry of an address; null when mail is sent there. Needs `mail:read`. */
  suppression(ctx: Ctx, address: string): Promise<Suppression | null>
  /** Adds an address; one that is there stays as it is. Needs `mail:configure`. @throws StoaError `mail_invalid`, `mail_suppression_exists` */
  suppress(ctx: Ctx, input: SuppressionInput): Promise<Suppression>
  /** Takes an address off the list. Needs `mail:configure`. @returns what it was; null: not on it */
  unsuppress(ctx: Ctx, address: string): Promise<Suppression | null>
  /** Whom the tenant's mail is from; null when it is the installation's address. Needs `mail:read`. */
  sender(ctx: Ctx): Promise<Sender | null>
  /**
   * Sets whom the tenant's mail is from, and what it is signed with; all of it. Needs `mail:configure`.
   *
   * @throws StoaError `mail_sender_invalid` with the fields at fault; `precondition_failed` when somebody else was first
   */
  setSender(ctx: Ctx, input: SenderInput, options?: SetSenderOptions): Promise<Sender>
  /**
   * The tenant's mail is from the installation's address again. Needs `mail:configure`.
   *
   * @returns whether it was not
   * @throws StoaError `precondition_failed` when somebody else was first
   */
  removeSender(ctx: Ctx, options?: SetSenderOptions): Promise<boolean>
  /**
   * Deletes what was composed more than `days` ago and has had its outcome, of all tenants, with its bytes. Suppressions
   * stay.
   *
   * @param days 1–36 500
   * @returns how many
   */
  forget(ctx: BaseCtx, days: number): Promise<number>
}

/**
 * Opens the outbox.
 *
 * @throws StoaError `invalid_options`
 */
export function createMail(options: MailOptions, deps: MailDeps): Mail {
  const ground = mailGround(options, deps)
  const { db } = ground
  return Object.freeze<Mail>({
    compose: (ctx, tx, message, settings) => composeMessage(ground, ctx, tx, message, settings),
    deliver: (ctx, id, settings) => deliverMessage(ground, ctx, id, settings),
    abandon: (ctx, tx, id, reason) => abandonMessage(ground, ctx, tx, id, reason),
    requeue: (ctx, tx, id) => requeueMessage(ground, ctx, tx, id),
    message: (ctx, id) => findMessage(db, ctx, id),
    content: (ctx, id) => messageContent(db, ctx, id),
    messages: (ctx, filter = {}) => listMessages(db, ctx, filter),
    recordFeedback: (ctx, feedback) => recordFeedback(ground, ctx, feedback),
    suppressions: (ctx, page) => listSuppressions(db, ctx, page),
    suppression: (ctx, address) => findSuppression(db, ctx, address),
    suppress: (ctx, input) => addSuppression(db, ctx, input),
    unsuppress: (ctx, address) => removeSuppression(db, ctx, address),
    sender: (ctx) => tenantSender(ground, ctx),
    setSender: (ctx, input, settings) => saveSender(ground, ctx, input, settings),
    removeSender: (ctx, settings) => removeSender(ground, ctx, settings),
    forget: (ctx, days) => forgetMessages(db, ctx, days),
  })
}
