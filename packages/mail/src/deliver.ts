/*
 * One attempt to send a message. Who tries again, and when, is the queue's to decide: the error says what it has to know.
 *
 *   queued ──attempt──▶ sending ──▶ sent          somebody got it; those who were refused are `failed` in their rows
 *     ▲                   │    ├──▶ failed        nobody got it, and nobody will
 *     └────not now────────┘    └──▶ suppressed    nobody was left to send it to
 *                          later    sent ──▶ bounced, complained      feedback.ts
 *
 *   1  a transaction: the attempt begins, with a lease; those on the suppression list are taken out
 *   2  outside of any transaction: the message is signed and handed over, to those who have not got it
 *   3  a transaction: what became of whom
 *
 * A crash between 2 and 3 leaves an attempt without an outcome: once its lease is over another one may begin, and sends
 * again under the same Message-ID. That is at least once; most receivers show such a message once. The number of
 * attempts is the fence: an attempt that outlived its lease records whom it reached, and does not end the next one.
 */
import type { Tx } from '@stoa/db'
import { type Ctx, StoaError } from '@stoa/kernel'
import { sameAddressAs } from './address.ts'
import { MailDeliveryError } from './delivery-error.ts'
import { mailErrors } from './errors.ts'
import { waitAgain } from './give-up.ts'
import type { MailGround } from './mail-deps.ts'
import {
  attemptBegun,
  attemptEnded,
  attemptLeft,
  contentById,
  type MessageRow,
  messageById,
  type RecipientRow,
  recipientsDecided,
  recipientsOf,
  suppressedTakenOut,
  waitingDecided,
} from './message-store.ts'
import { signed } from './mime.ts'
import { checkedId, found, type MailMessage, messageOf } from './outbox.ts'
import { signingKey } from './sender.ts'
import { type SenderRow, senderOf } from './sender-store.ts'
import { suppressionsAdded } from './suppression-store.ts'
import type { Delivery, Refusal } from './transport.ts'

/** How to deliver. */
export interface DeliverOptions {
  /** Tries a message again that is `failed`: whoever was refused or given up waits again. Default false. */
  readonly again?: boolean | undefined
  /** Gives the attempt up: the message waits again. */
  readonly signal?: AbortSignal | undefined
}

/** What an attempt has beyond its engine's time to write what became of it, before another one may begin. */
const LEASE_GRACE_MS = 15_000
const MAX_WAIT_MS = 3_600_000

/** See {@link Mail.deliver}. */
export async function deliverMessage(
  ground: MailGround,
  ctx: Ctx,
  id: string,
  { again = false, signal }: DeliverOptions = {},
): Promise<MailMessage> {
  const { db, transport } = ground
  if (signal?.aborted) throw new MailDeliveryError('interrupted', { cause: signal.reason })
  if (db.inTransaction()) throw new StoaError(mailErrors.mail_inside_transaction)
  const begun = await db.transaction(ctx, async (tx) => {
    if (again) await waitAgain(ground, ctx, tx, checkedId(id))
    return begin(ground, ctx, tx, checkedId(id))
  })
  if (!begun.sends) return outcome(begun.message, null)
  let delivery: Delivery | MailDeliveryError
  try {
    const content = await signedContent(ground, ctx, begun)
    const { message, receivers } = begun
    const from = ground.returnPath ?? message.fromAddress
    const to = receivers.map(({ address }) => address)
    delivery = await transport.send({ id: `${ctx.tenant.id}_${id}`, from, to, content }, { signal })
  } catch (error) {
    delivery = error instanceof MailDeliveryError ? error : new MailDeliveryError('unreachable', { cause: error })
  }
  const message = await db.transaction(ctx, (tx) => end(ground, ctx, tx, begun, delivery))
  return outcome(message, waitingFor(delivery, begun.message.attempts), delivery)
}

interface Sending {
  readonly sends: true
  readonly message: MessageRow
  readonly receivers: readonly RecipientRow[]
  readonly content: Buffer
  readonly sender: SenderRow | undefined
}

interface Settled {
  readonly sends: false
  readonly message: MailMessage
}

async function begin(ground: MailGround, ctx: Ctx, tx: Tx, id: string): Promise<Sending | Settled> {
  const tenantId = ctx.tenant.id
  const { transport } = ground
  const now = new Date(ctx.clock.now())
  const leaseMs = transport.timeoutMs + LEASE_GRACE_MS
  const message = await tx.maybe(attemptBegun(tenantId, id, transport.name, leaseMs, now))
  if (message === undefined) return notBegun(ctx, tx, id)
  const [taken, recipients, content, sender] = await Promise.all([
    tx.many(suppressedTakenOut(tenantId, id, now)),
    tx.many(recipientsOf(tenantId, id)),
    tx.one(contentById(tenantId, id)),
    tx.maybe(senderOf(tenantId)),
  ])
  const receivers = recipients.filter(({ state }) => state === 'queued')
  if (receivers.length > 0) {
    if (taken.length > 0)
      tellOf(
        ground,
        ctx,
        tx,
        message,
        taken.map(({ address }) => ({ address, state: 'suppressed' as const })),
      )
    return { sends: true, message, receivers, sender, ...content }
  }
  const settled = await tx.one(attemptEnded(tenantId, id, message.attempts, null, null, null, now))
  tellOf(
    ground,
    ctx,
    tx,
    settled,
    taken.map(({ address }) => ({ address, state: 'suppressed' as const })),
  )
  return { sends: false, message: messageOf(settled, recipients) }
}

/** It has had its outcome, or somebody else is at it. */
async function notBegun(ctx: Ctx, tx: Tx, id: string): Promise<Settled> {
  const [row, left, recipients] = await Promise.all([
    tx.maybe(messageById(ctx.tenant.id, id)),
    tx.maybe(attemptLeft(ctx.tenant.id, id)),
    tx.many(recipientsOf(ctx.tenant.id, id)),
  ])
  const message = found(row)
  if (message.state !== 'sending' && message.state !== 'queued') {
    return { sends: false, message: messageOf(message, recipients) }
  }
  throw new StoaError(mailErrors.mail_in_flight, { retryAfterSeconds: (left?.leftMs ?? 1_000) / 1000 })
}

async function signedContent(
  { dkim: own, from, key, transport }: MailGround,
  ctx: Ctx,
  { content, message, sender }: Sending,
): Promise<Buffer> {
  const isOurs = sameAddressAs(message.fromAddress) === sameAddressAs(from.address)
  const dkim = signingKey(sender, key, ctx.tenant.id, message.fromAddress) ?? (isOurs ? own : null)
  return dkim === null ? content : signed(content, dkim, transport.replacesHeaders)
}

async function end(
  ground: MailGround,
  ctx: Ctx,
  tx: Tx,
  { message, receivers }: Sending,
  delivery: Delivery | MailDeliveryError,
): Promise<MailMessage> {
  const tenantId = ctx.tenant.id
  const { id, attempts } = message
  const now = new Date(ctx.clock.now())
  const failed = delivery instanceof MailDeliveryError ? delivery : null
  if (failed?.fault === 'refused') tx.later(waitingDecided(tenantId, id, 'failed', failed.response, now))
  if (!(delivery instanceof MailDeliveryError)) decide(ctx, tx, message, delivery, now)
  const temporary = delivery instanceof MailDeliveryError ? [] : delivery.rejected.filter(({ permanent }) => !permanent)
  const fault = failed?.fault ?? (temporary.length > 0 ? 'deferred' : null)
  const response = failed?.response ?? temporary[0]?.response ?? null
  const providerId = delivery instanceof MailDeliveryError ? null : delivery.providerId
  const [ended, current, recipients] = await Promise.all([
    tx.maybe(attemptEnded(tenantId, id, attempts, providerId, fault, response, now)),
    tx.maybe(messageById(tenantId, id)),
    tx.many(recipientsOf(tenantId, id)),
  ])
  if (ended === undefined) ctx.log.warn({ mail: id, attempt: attempts }, 'an attempt to send mail outlived its lease')
  const row = found(ended ?? current)
  const waited = new Set(receivers.map(({ addressKey }) => addressKey))
  const decided = recipients.filter(({ addressKey, state }) => waited.has(addressKey) && state !== 'queued')
  if (decided.length > 0) tellOf(ground, ctx, tx, row, decided)
  return messageOf(row, recipients)
}

/** Writes what became of each receiver; who does not exist is not sent to again. */
function decide(ctx: Ctx, tx: Tx, { id }: MessageRow, { accepted, providerId, rejected }: Delivery, now: Date): void {
  const tenantId = ctx.tenant.id
  const refused = rejected.filter(({ permanent }) => permanent)
  const keys = (list: readonly Refusal[]) => list.map(({ address }) => sameAddressAs(address))
  const responses = (list: readonly Refusal[]) => list.map(({ response }) => response)
  if (accepted.length > 0) {
    const none = accepted.map(() => null)
    tx.later(recipientsDecided(tenantId, id, accepted.map(sameAddressAs), 'sent', none, providerId, now))
  }
  if (refused.length > 0) {
    tx.later(recipientsDecided(tenantId, id, keys(refused), 'failed', responses(refused), null, now))
  }
  const later = rejected.filter(({ permanent }) => !permanent)
  if (later.length > 0) tx.later(recipientsDecided(tenantId, id, keys(later), 'queued', responses(later), null, now))
  const unknown = refused.filter(({ addressUnknown }) => addressUnknown)
  if (unknown.length > 0) {
    tx.later(suppressionsAdded(tenantId, keys(unknown), 'bounce', responses(unknown), id, 'system:mail', now))
  }
}

function tellOf(
  { record }: MailGround,
  ctx: Ctx,
  tx: Tx,
  { id, state }: MessageRow,
  recipients: readonly Pick<RecipientRow, 'address' | 'state'>[],
): void {
  record?.(ctx, tx, { id, state, recipients: recipients.map(({ address, state }) => ({ address, state })) })
}

/** When the next attempt makes sense: what was said, doubled with each attempt, with some chance, up to an hour. */
function waitingFor(delivery: Delivery | MailDeliveryError, attempts: number): number {
  const waits = delivery instanceof MailDeliveryError ? [delivery] : delivery.rejected
  const longest = Math.max(1_000, ...waits.map(({ retryAfterMs }) => retryAfterMs ?? 0))
  const grown = Math.min(longest * 2 ** Math.min(attempts - 1, 20), Math.max(longest, MAX_WAIT_MS))
  return Math.round(grown * (1 + Math.random() / 5))
}

/** The message when it is done; else the error that says what to do. */
function outcome(
  message: MailMessage,
  retryAfterMs: number | null,
  delivery: Delivery | MailDeliveryError | null = null,
): MailMessage {
  const cause = delivery instanceof MailDeliveryError ? delivery : undefined
  const { lastError, state } = message
  const response = lastError?.response ?? message.recipients.find(({ state }) => state === 'failed')?.response ?? ''
  if (state === 'failed') throw new MailDeliveryError('refused', { response, cause })
  if ((state !== 'queued' && state !== 'sending') || retryAfterMs === null) return message
  throw new MailDeliveryError(lastError?.fault ?? cause?.fault ?? 'interrupted', { response, retryAfterMs, cause })
}
