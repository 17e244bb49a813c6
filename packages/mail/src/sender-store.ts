import { statement } from '@stoa/db'

/** A tenant's sender as it is stored. */
export interface SenderRow {
  readonly fromAddress: string
  readonly fromName: string | null
  readonly replyTo: string | null
  readonly dkimDomain: string | null
  readonly dkimSelector: string | null
  /** The public key as it stands in DNS: base64. */
  readonly dkimPublicKey: string | null
  readonly dkimSealedKey: Buffer | null
  /** From 1, one more with each change. */
  readonly version: number
  readonly updatedAt: Date
}

const SETTINGS =
  'from_address, from_name, reply_to, dkim_domain, dkim_selector, dkim_public_key, dkim_sealed_key, updated_at'
const COLUMNS = `${SETTINGS}, version`

/** The tenant's sender. */
export const senderOf = statement<[tenantId: string], SenderRow>(
  `select ${COLUMNS} from stoa.mail_senders where tenant_id = $1`,
)

/** Sets all of it, when it has this version now; 0: when there is none. No row: it has another one. */
export const senderSaved = statement<
  [
    tenantId: string,
    fromAddress: string,
    fromName: string | null,
    replyTo: string | null,
    dkimDomain: string | null,
    dkimSelector: string | null,
    dkimPublicKey: string | null,
    dkimSealedKey: Buffer | null,
    by: string,
    now: Date,
    version: number,
  ],
  SenderRow
>(`
insert into stoa.mail_senders as s (tenant_id, ${SETTINGS}, updated_by)
select $1, $2, $3, $4, $5, $6, $7, $8, $10, $9
where $11::int = 0 or exists (select from stoa.mail_senders where tenant_id = $1)
on conflict (tenant_id) do update set
  from_address = excluded.from_address, from_name = excluded.from_name, reply_to = excluded.reply_to,
  dkim_domain = excluded.dkim_domain, dkim_selector = excluded.dkim_selector,
  dkim_public_key = excluded.dkim_public_key, dkim_sealed_key = excluded.dkim_sealed_key,
  updated_by = excluded.updated_by, updated_at = excluded.updated_at, version = s.version + 1
where s.version = $11
returning ${COLUMNS}`)

/** Takes it away. */
export const senderRemoved = statement<[tenantId: string], Pick<SenderRow, 'version'>>(
  'delete from stoa.mail_senders where tenant_id = $1 returning version',
)
