import { statement } from '@stoa/db'

/** Why nothing is sent to an address. */
export type SuppressionReason = 'bounce' | 'complaint' | 'unsubscribe' | 'manual'

/** An address that nothing is sent to. */
export interface Suppression {
  /** In lower case; the domain in Punycode. */
  readonly address: string
  readonly reason: SuppressionReason
  /** What was said of it: by the provider, or by whoever added it. */
  readonly note: string | null
  /** The message that it came from. */
  readonly messageId: string | null
  readonly createdBy: string
  readonly createdAt: Date
}

const COLUMNS = 'address, reason, note, message_id, created_by, created_at'

/** Adds addresses. One that is there already stays as it is: what was first known of it says the most. */
export const suppressionsAdded = statement<
  [
    tenantId: string,
    addresses: readonly string[],
    reason: SuppressionReason,
    notes: readonly (string | null)[],
    messageId: string | null,
    by: string,
    now: Date,
  ],
  Suppression
>(`
insert into stoa.mail_suppressions (tenant_id, ${COLUMNS})
select $1, s.address, $3, s.note, $5::uuid, $6, $7 from unnest($2::text[], $4::text[]) as s (address, note)
on conflict (tenant_id, address) do nothing
returning ${COLUMNS}`)

/** One of them. */
export const suppressionOf = statement<[tenantId: string, address: string], Suppression>(
  `select ${COLUMNS} from stoa.mail_suppressions where tenant_id = $1 and address = $2`,
)

/** All of them, by address. */
export const suppressionList = statement<[tenantId: string, after: string | null, limit: number], Suppression>(
  `select ${COLUMNS} from stoa.mail_suppressions
    where tenant_id = $1 and ($2::text is null or address > $2) order by address limit $3`,
)

/** Takes one away. */
export const suppressionRemoved = statement<[tenantId: string, address: string], Suppression>(
  `delete from stoa.mail_suppressions where tenant_id = $1 and address = $2 returning ${COLUMNS}`,
)
