import { type Migration, tenantTable } from '@stoa/db'

/** Whom a tenant's mail is from, and its DKIM key, sealed by a secret that is not in the database. */
export const mailSenders: Migration = {
  name: '0003_mail_senders',
  scope: 'shared',
  breaking: false,
  up: `
create table mail_senders (
  tenant_id uuid not null,
  from_address text not null,
  from_name text,
  reply_to text,
  dkim_domain text,
  dkim_selector text,
  dkim_public_key text,
  dkim_sealed_key bytea,
  updated_by text not null,
  updated_at timestamptz not null,
  primary key (tenant_id)
);
${tenantTable('mail_senders', { system: 'select' })}`,
}
