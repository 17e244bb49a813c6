import { type Migration, tenantTable } from '@stoa/db'

/** Whom a tenant sends nothing to. The address is in lower case. */
export const mailSuppressions: Migration = {
  name: '0002_mail_suppressions',
  scope: 'shared',
  breaking: false,
  up: `
create table mail_suppressions (
  tenant_id uuid not null,
  address text not null,
  reason text not null check (reason in ('bounce', 'complaint', 'unsubscribe', 'manual')),
  note text,
  message_id uuid,
  created_by text not null,
  created_at timestamptz not null,
  primary key (tenant_id, address)
);
${tenantTable('mail_suppressions')}`,
}
