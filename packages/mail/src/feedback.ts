/*
 * What providers tell later of a message that they took: bounces and complaints. The same may be told again, and out of
 * order: a receiver's state only gets worse, and the suppression list grows only when it does, so an address that
 * somebody took off the list stays off when an old notification comes back.
 */
import { statement, type Tx } from '@stoa/db'
import { type BaseCtx, isId, type Tenant, tenantCtx } from '@stoa/kernel'
import { sameAddressAs } from './address.ts'
import { oneLine } from './delivery-error.ts'
import type { MailGround } from './mail-deps.ts'
import { messageSummed, type RecipientState } from './message-store.ts'
import { suppressionsAdded } from './suppression-store.ts'

/** What a provider tells of one message. */
export interface MailFeedback {
  readonly kind: 'bounce' | 'complaint'
  /** Whether nothing should be sent to these addresses again. Every complaint is. */
  readonly permanent: boolean
  /** What the provider calls the message. */
  readonly providerId: string
  /** The `id` of {@link OutgoingMail}, where the provider gives it back. */
  readonly mailId?: string | undefined
  readonly recipients: readonly { readonly address: string; readonly response?: string | undefined }[]
}

/** What came of it. */
export interface FeedbackReport {
  /** The message that it is about; null when it is none of this installation's. */
  readonly id: string | null
  readonly tenant: Tenant | null
  /** Whose state has changed. */
  readonly changed: readonly string[]
}

/** See {@link Mail.recordFeedback}. */
export async function recordFeedback(
  ground: MailGround,
  base: BaseCtx,
  feedback: MailFeedback,
): Promise<FeedbackReport> {
  const { db, record } = ground
  const owner = await db.systemRead(base, (tx) => ownerOf(tx, feedback))
  if (owner === undefined) {
    base.log.info({ providerId: feedback.providerId, kind: feedback.kind }, 'feedback on mail that is not known here')
    return { id: null, tenant: null, changed: [] }
  }
  const { id, tenantId, tenantSlug: slug, tenantSchema: schema } = owner
  const tenant: Tenant = { id: tenantId, slug, schema }
  const ctx = tenantCtx(base, tenant)
  const now = new Date(base.clock.now())
  const state: RecipientState = feedback.kind === 'complaint' ? 'complained' : 'bounced'
  const { keys, responses } = recipientsIn(feedback)
  const changed = await db.transaction(ctx, async (tx) => {
    const worse = await tx.many(recipientsWorse(tenantId, id, keys, responses, state, now))
    if (worse.length === 0) return []
    if (feedback.permanent || feedback.kind === 'complaint') {
      const listed = worse.map(({ addressKey }) => addressKey)
      const notes = worse.map(({ response }) => response)
      tx.later(suppressionsAdded(tenantId, listed, feedback.kind, notes, id, 'system:mail', now))
    }
    const summed = await tx.maybe(messageSummed(tenantId, id, null, null, now))
    const recipients = worse.map(({ address }) => ({ address, state }))
    // No row: an attempt is under way, and sums up when it ends.
    record?.(ctx, tx, { id, state: summed?.state ?? 'sending', recipients })
    return worse.map(({ address }) => address)
  })
  return { id, tenant, changed }
}

interface Owner {
  readonly id: string
  readonly tenantId: string
  readonly tenantSlug: string
  readonly tenantSchema: string
}

const TENANT = 't.id as tenant_id, t.slug as tenant_slug, t.schema as tenant_schema'

/** Asked over all tenants: a notification names none. */
const ownerOfSend = statement<[providerId: string], Owner>(`
select r.message_id as id, ${TENANT} from stoa.mail_recipients r join stoa.tenants t on t.id = r.tenant_id
where r.provider_id = $1 limit 1`)

const ownerOfMail = statement<[tenantId: string, id: string], Owner>(`
select m.id, ${TENANT} from stoa.mail_messages m join stoa.tenants t on t.id = m.tenant_id
where m.tenant_id = $1 and m.id = $2`)

/** By the provider's name for the send; by ours where the process died before it could write that down. */
async function ownerOf(tx: Tx, { mailId = '', providerId }: MailFeedback): Promise<Owner | undefined> {
  const owner = providerId === '' ? undefined : await tx.maybe(ownerOfSend(providerId))
  const [tenantId, id] = mailId.split('_')
  return owner ?? (isId(tenantId) && isId(id) ? await tx.maybe(ownerOfMail(tenantId, id)) : undefined)
}

/** A complaint is worse than a bounce, and a bounce than anything else. */
const recipientsWorse = statement<
  [
    tenantId: string,
    id: string,
    keys: readonly string[],
    responses: readonly (string | null)[],
    state: RecipientState,
    now: Date,
  ],
  { readonly addressKey: string; readonly address: string; readonly response: string | null }
>(`
update stoa.mail_recipients r set state = $5, response = coalesce(f.response, r.response), updated_at = $6
from unnest($3::text[], $4::text[]) as f (key, response)
where r.tenant_id = $1 and r.message_id = $2 and r.address_key = f.key
  and r.state not in ('complained', $5)
returning r.address_key, r.address, r.response`)

/** More receivers than a message can have say nothing more. */
const MAX_RECIPIENTS = 1_000

function recipientsIn({ recipients }: MailFeedback): { keys: string[]; responses: (string | null)[] } {
  const responses = new Map<string, string | null>()
  for (const { address, response } of recipients.slice(0, MAX_RECIPIENTS)) {
    responses.set(sameAddressAs(bare(address)), response === undefined ? null : oneLine(response))
  }
  return { keys: [...responses.keys()], responses: [...responses.values()] }
}

/** Some receivers' servers answer with the name, and in brackets. */
function bare(address: string): string {
  return /<([^<>]*)>\s*$/.exec(address)?.[1] ?? address.trim()
}
