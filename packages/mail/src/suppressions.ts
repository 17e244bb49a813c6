// Whom a tenant sends nothing to: those who bounced for good, who complained, who left, or whom somebody has added.

import type { Database } from '@stoa/db'
import { type Ctx, errors, requirePermission, StoaError } from '@stoa/kernel'
import { isMailbox, mailboxOf, sameAddressAs } from './address.ts'
import { mailErrors } from './errors.ts'
import { Faults } from './fields.ts'
import { checkedLimit } from './list-limit.ts'
import { refuseFaults } from './message.ts'
import {
  type Suppression,
  type SuppressionReason,
  suppressionList,
  suppressionOf,
  suppressionRemoved,
  suppressionsAdded,
} from './suppression-store.ts'

/** A page of the list. */
export interface SuppressionPage {
  readonly suppressions: readonly Suppression[]
  /** For the next page; null when there is none. */
  readonly nextCursor: string | null
}

/** An address to add. */
export interface SuppressionInput {
  readonly address: string
  /** Default `manual`. */
  readonly reason?: SuppressionReason | undefined
  /** Up to 500 characters on one line. */
  readonly note?: string | undefined
  /** Refuses an address that is on the list. Default false: its entry stays as it is, and is given. */
  readonly isNew?: boolean | undefined
}

/** The list, by address. Needs `mail:read`. @throws StoaError `invalid_cursor`, `validation_failed` */
export async function listSuppressions(
  db: Database,
  ctx: Ctx,
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit?: number | undefined } = {},
): Promise<SuppressionPage> {
  requirePermission(ctx, 'mail:read')
  const count = checkedLimit(limit)
  const after = cursor === undefined ? null : addressOf(Buffer.from(cursor, 'base64url').toString())
  if (cursor !== undefined && after === null) throw new StoaError(errors.invalid_cursor)
  const rows = await db.read(ctx, (tx) => tx.many(suppressionList(ctx.tenant.id, after, count + 1)))
  const suppressions = rows.slice(0, count)
  const last = suppressions.at(-1)
  const nextCursor = rows.length > count && last ? Buffer.from(last.address).toString('base64url') : null
  return { suppressions, nextCursor }
}

/** The entry of an address, in any case of letters; null when mail is sent there. Needs `mail:read`. */
export async function findSuppression(db: Database, ctx: Ctx, address: string): Promise<Suppression | null> {
  requirePermission(ctx, 'mail:read')
  const key = addressOf(address)
  if (key === null) return null
  return (await db.read(ctx, (tx) => tx.maybe(suppressionOf(ctx.tenant.id, key)))) ?? null
}

/**
 * Adds an address; one that is there stays as it is. Needs `mail:configure`.
 *
 * @throws StoaError `mail_invalid`, `mail_suppression_exists`
 */
export async function addSuppression(db: Database, ctx: Ctx, input: SuppressionInput): Promise<Suppression> {
  requirePermission(ctx, 'mail:configure')
  const faults = new Faults()
  const box = mailboxOf(input.address)
  if (!isMailbox(box)) faults.add('/address', box.code, box.message)
  const note = input.note === undefined ? null : faults.text('/note', input.note, 500, 'one line')
  refuseFaults(faults, '', mailErrors.mail_invalid)
  const key = addressOf(input.address) as string
  const { reason = 'manual' } = input
  const by = `${ctx.actor.type}:${ctx.actor.id}`
  const now = new Date(ctx.clock.now())
  return db.transaction(ctx, async (tx) => {
    const [added] = await tx.many(suppressionsAdded(ctx.tenant.id, [key], reason, [note], null, by, now))
    if (added === undefined && input.isNew) throw new StoaError(mailErrors.mail_suppression_exists)
    return added ?? (await tx.one(suppressionOf(ctx.tenant.id, key)))
  })
}

/** Takes an address off the list. Needs `mail:configure`. @returns what it was; null: not on it */
export async function removeSuppression(db: Database, ctx: Ctx, address: string): Promise<Suppression | null> {
  requirePermission(ctx, 'mail:configure')
  const key = addressOf(address)
  if (key === null) return null
  return (await db.transaction(ctx, (tx) => tx.maybe(suppressionRemoved(ctx.tenant.id, key)))) ?? null
}

function addressOf(text: string): string | null {
  const box = mailboxOf(text)
  return isMailbox(box) ? sameAddressAs(box.address) : null
}
