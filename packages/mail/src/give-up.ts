// The two decisions that are not an attempt's: to stop trying, and to try again what was given up.

import type { Tx } from '@stoa/db'
import { type Ctx, StoaError } from '@stoa/kernel'
import { oneLine } from './delivery-error.ts'
import { mailErrors } from './errors.ts'
import type { MailGround } from './mail-deps.ts'
import { failedWaitAgain, messageForUpdate, messageSummed, recipientsOf, waitingDecided } from './message-store.ts'
import { checkedId, found, type MailMessage, messageOf } from './outbox.ts'

/** See {@link Mail.abandon}. */
export async function abandonMessage(
  ground: MailGround,
  ctx: Ctx,
  tx: Tx,
  id: string,
  reason: string,
): Promise<MailMessage> {
  const tenantId = ctx.tenant.id
  const now = new Date(ctx.clock.now())
  await notSending(ctx, tx, id)
  const before = await tx.many(recipientsOf(tenantId, id))
  tx.later(waitingDecided(tenantId, id, 'failed', oneLine(reason), now))
  const [row, recipients] = await Promise.all([
    tx.one(messageSummed(tenantId, id, null, oneLine(reason), now)),
    tx.many(recipientsOf(tenantId, id)),
  ])
  const given = before
    .filter(({ state }) => state === 'queued')
    .map(({ address }) => ({ address, state: 'failed' as const }))
  if (given.length > 0) ground.record?.(ctx, tx, { id, state: row.state, recipients: given })
  return messageOf(row, recipients)
}

/** See {@link Mail.requeue}. */
export async function requeueMessage(ground: MailGround, ctx: Ctx, tx: Tx, id: string): Promise<MailMessage> {
  const tenantId = ctx.tenant.id
  const now = new Date(ctx.clock.now())
  await notSending(ctx, tx, id)
  tx.later(failedWaitAgain(tenantId, id, now))
  const [row, recipients] = await Promise.all([
    tx.one(messageSummed(tenantId, id, null, null, now)),
    tx.many(recipientsOf(tenantId, id)),
  ])
  const waiting = recipients.filter(({ state }) => state === 'queued')
  if (waiting.length > 0) {
    const told = waiting.map(({ address, state }) => ({ address, state }))
    ground.record?.(ctx, tx, { id, state: row.state, recipients: told })
  }
  return messageOf(row, recipients)
}

/** A message that has failed waits again; any other stays as it is. */
export async function waitAgain(ground: MailGround, ctx: Ctx, tx: Tx, id: string): Promise<void> {
  const { state } = found(await tx.maybe(messageForUpdate(ctx.tenant.id, id)))
  if (state === 'failed') await requeueMessage(ground, ctx, tx, id)
}

async function notSending(ctx: Ctx, tx: Tx, id: string): Promise<void> {
  const { state } = found(await tx.maybe(messageForUpdate(ctx.tenant.id, checkedId(id))))
  if (state === 'sending') throw new StoaError(mailErrors.mail_in_flight)
}
