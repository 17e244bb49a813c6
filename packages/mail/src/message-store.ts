// Every statement about messages, their contents and those who get them.

import { json, statement, type Tx } from '@stoa/db'

/** How far a message has come; see deliver.ts. */
export type MailState = 'queued' | 'sending' | 'sent' | 'failed' | 'bounced' | 'complained' | 'suppressed'

/** What became of one receiver. */
export type RecipientState = Exclude<MailState, 'sending'>

/** A message as it is stored, without its bytes. */
export interface MessageRow {
  readonly id: string
  readonly state: MailState
  readonly attempts: number
  readonly messageId: string
  readonly fromAddress: string
  readonly fromName: string | null
  readonly subject: string
  readonly sizeBytes: number
  readonly transport: string | null
  readonly providerId: string | null
  readonly lastFault: string | null
  readonly lastResponse: string | null
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly sentAt: Date | null
}

/** A receiver as it is stored. */
export interface RecipientRow {
  readonly addressKey: string
  readonly address: string
  readonly kind: 'to' | 'cc' | 'bcc'
  readonly state: RecipientState
  readonly providerId: string | null
  readonly response: string | null
  readonly updatedAt: Date
}

const COLUMNS = `id, state, attempts, message_id, from_address, from_name, subject, size_bytes, transport, provider_id,
  last_fault, last_response, created_by, created_at, updated_at, sent_at`

/** What is written when a message is composed. */
export interface NewMessage {
  readonly id: string
  readonly messageId: string
  readonly fromAddress: string
  readonly fromName: string | null
  readonly subject: string
  readonly content: Buffer
  readonly confidential: boolean
  readonly recipients: readonly { readonly key: string; readonly address: string; readonly kind: string }[]
  readonly by: string
  readonly at: Date
}

/** Adds a message with all that belongs to it, along with the commit. */
export function addMessage(tx: Tx, tenantId: string, message: NewMessage): void {
  const { id, messageId, fromAddress, fromName, subject, content, confidential, by, at } = message
  tx.later(messageAddition(tenantId, id, messageId, fromAddress, fromName, subject, content.length, by, at))
  tx.later(contentAddition(tenantId, id, content, confidential))
  tx.later(recipientAddition(tenantId, id, json(message.recipients), at))
}

const messageAddition = statement<
  [string, string, string, string, string | null, string, number, string, Date],
  never
>(`
insert into stoa.mail_messages
  (tenant_id, id, state, message_id, from_address, from_name, subject, size_bytes, created_by, created_at, updated_at)
values ($1, $2, 'queued', $3, $4, $5, $6, $7, $8, $9, $9)`)

const contentAddition = statement<[string, string, Buffer, boolean], never>(
  'insert into stoa.mail_contents (tenant_id, message_id, content, confidential) values ($1, $2, $3, $4)',
)

const recipientAddition = statement<[string, string, ReturnType<typeof json>, Date], never>(`
insert into stoa.mail_recipients (tenant_id, message_id, address_key, address, kind, state, updated_at)
select $1, $2, r.key, r.address, r.kind, 'queued', $4
from jsonb_to_recordset($3::jsonb) as r (key text, address text, kind text)`)

/** One message. */
export const messageById = statement<[tenantId: string, id: string], MessageRow>(
  `select ${COLUMNS} from stoa.mail_messages where tenant_id = $1 and id = $2`,
)

interface ContentRow {
  readonly content: Buffer
  readonly confidential: boolean
}

/** Its bytes, as they were composed. */
export const contentById = statement<[tenantId: string, id: string], ContentRow>(
  'select content, confidential from stoa.mail_contents where tenant_id = $1 and message_id = $2',
)

/** Everybody who gets it. */
export const recipientsOf = statement<[tenantId: string, id: string], RecipientRow>(`
select address_key, address, kind, state, provider_id, response, updated_at
from stoa.mail_recipients where tenant_id = $1 and message_id = $2
order by array_position(array['to', 'cc', 'bcc'], kind), address_key`)

/**
 * Begins an attempt, if the message waits for one, or if the attempt that had begun has had its time. The number of
 * attempts is the fence of this one. Leases are by the clock of the database, which all processes share.
 */
export const attemptBegun = statement<
  [tenantId: string, id: string, transport: string, leaseMs: number, now: Date],
  MessageRow
>(`
update stoa.mail_messages
set state = 'sending', attempts = attempts + 1, transport = $3, updated_at = $5,
  attempt_until = clock_timestamp() + $4 * interval '1 millisecond'
where tenant_id = $1 and id = $2
  and (state = 'queued' or (state = 'sending' and attempt_until <= clock_timestamp()))
returning ${COLUMNS}`)

/** How long an attempt that has begun still has, in milliseconds; none when there is no attempt. */
export const attemptLeft = statement<[tenantId: string, id: string], { readonly leftMs: number }>(`
select greatest(0, ceil(extract(epoch from attempt_until - clock_timestamp()) * 1000))::int as left_ms
from stoa.mail_messages where tenant_id = $1 and id = $2 and state = 'sending'`)

/** Takes those out who are on the list of whom nothing is sent to. */
export const suppressedTakenOut = statement<[tenantId: string, id: string, now: Date], { readonly address: string }>(`
update stoa.mail_recipients r set state = 'suppressed', response = s.reason, updated_at = $3
from stoa.mail_suppressions s
where r.tenant_id = $1 and r.message_id = $2 and r.state = 'queued'
  and s.tenant_id = r.tenant_id and s.address = r.address_key
returning r.address`)

/** What became of some receivers who were waiting. Whoever has an outcome keeps it. */
export const recipientsDecided = statement<
  [
    tenantId: string,
    id: string,
    keys: readonly string[],
    state: RecipientState,
    responses: readonly (string | null)[],
    providerId: string | null,
    now: Date,
  ],
  never
>(`
update stoa.mail_recipients r
set state = $4, response = d.response, provider_id = coalesce($6, r.provider_id), updated_at = $7
from unnest($3::text[], $5::text[]) as d (key, response)
where r.tenant_id = $1 and r.message_id = $2 and r.address_key = d.key and r.state = 'queued'`)

/** All who still wait have the same outcome. */
export const waitingDecided = statement<
  [tenantId: string, id: string, state: RecipientState, response: string | null, now: Date],
  never
>(`
update stoa.mail_recipients set state = $3, response = $4, updated_at = $5
where tenant_id = $1 and message_id = $2 and state = 'queued'`)

/** Those who did not get it wait again. */
export const failedWaitAgain = statement<[tenantId: string, id: string, now: Date], never>(`
update stoa.mail_recipients set state = 'queued', updated_at = $3
where tenant_id = $1 and message_id = $2 and state in ('failed', 'suppressed')`)

/** What a message is, by what became of those who get it: who waits first, then the worst, then the best. */
const SUM = `(select case
    when bool_or(r.state = 'queued') then 'queued'
    when bool_or(r.state = 'complained') then 'complained'
    when bool_or(r.state = 'bounced') then 'bounced'
    when bool_or(r.state = 'sent') then 'sent'
    when bool_or(r.state = 'failed') then 'failed'
    else 'suppressed' end
  from stoa.mail_recipients r where r.tenant_id = $1 and r.message_id = $2)`

/** Ends the attempt of this fence, and sums up. No row: another attempt has begun since. */
export const attemptEnded = statement<
  [
    tenantId: string,
    id: string,
    fence: number,
    providerId: string | null,
    fault: string | null,
    response: string | null,
    now: Date,
  ],
  MessageRow
>(`
update stoa.mail_messages
set state = ${SUM}, attempt_until = null, provider_id = coalesce($4, provider_id), last_fault = $5, last_response = $6,
  updated_at = $7, sent_at = case when $4::text is null then sent_at else coalesce(sent_at, $7) end
where tenant_id = $1 and id = $2 and attempts = $3 and state = 'sending'
returning ${COLUMNS}`)

/** Sums up a message that is not being sent. */
export const messageSummed = statement<
  [tenantId: string, id: string, fault: string | null, response: string | null, now: Date],
  MessageRow
>(`
update stoa.mail_messages
set state = ${SUM}, last_fault = coalesce($3, last_fault), last_response = coalesce($4, last_response), updated_at = $5
where tenant_id = $1 and id = $2 and state <> 'sending'
returning ${COLUMNS}`)

/** A message, kept from being changed by others until the transaction ends. */
export const messageForUpdate = statement<[tenantId: string, id: string], MessageRow>(
  `select ${COLUMNS} from stoa.mail_messages where tenant_id = $1 and id = $2 for no key update`,
)

type ListParameters = [tenantId: string, after: string | null, limit: number]
const LIST = `select ${COLUMNS} from stoa.mail_messages where tenant_id = $1 and ($2::uuid is null or id < $2)`

/** Messages, newest first: ids are UUIDv7. */
export const messageList = statement<ListParameters, MessageRow>(`${LIST} order by id desc limit $3`)

/** Those that were sent: most of them, so they are read in the order of the primary key. */
export const sentList = statement<ListParameters, MessageRow>(`${LIST} and state = 'sent' order by id desc limit $3`)

/** Those of any other state. The literal lets the planner use the partial index. */
export const stateList = statement<[...ListParameters, state: MailState], MessageRow>(
  `${LIST} and state = $4 and state <> 'sent' order by id desc limit $3`,
)

/** Those that somebody got or was to get. */
export const messagesToAddress = statement<[...ListParameters, addressKey: string], MessageRow>(`
select ${COLUMNS.replace(/\b(\w+)\b/g, 'm.$1')} from stoa.mail_recipients r
join stoa.mail_messages m on m.tenant_id = r.tenant_id and m.id = r.message_id
where r.tenant_id = $1 and ($2::uuid is null or r.message_id < $2) and r.address_key = $4
order by r.message_id desc limit $3`)

/** Deletes up to `limit` messages that were composed before, and whose way is over. Run it as the system role. */
export const messagesForgotten = statement<[before: Date, limit: number], never>(`
delete from stoa.mail_messages m using (
  select tenant_id, id from stoa.mail_messages
  where created_at < $1 and state not in ('queued', 'sending') order by created_at limit $2
) old
where m.tenant_id = old.tenant_id and m.id = old.id`)
