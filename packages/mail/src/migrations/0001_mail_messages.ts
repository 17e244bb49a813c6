import { type Migration, tenantTable } from '@stoa/db'

/*
 * The outbox. A message is one row, its bytes another one, because lists and changes of state have no use for them;
 * who gets it is a row for each, because each has an outcome.
 *
 *   mail_messages_by_state      what is not yet, or not well, delivered; what was sent is most of it and needs no index
 *   mail_messages_by_age        retention
 *   mail_recipients_by_address  what somebody got. The key is a column and no expression: lower() is not leakproof, so row
 *                               level security would keep it from being an index condition
 *   mail_recipients_by_send     which message a notification of the provider is about; asked over all tenants
 *
 * No foreign key to the tenants: its row lock would make all transactions of a tenant that send share one multixact.
 */
export const mailMessages: Migration = {
  name: '0001_mail_messages',
  scope: 'shared',
  breaking: false,
  up: `
create table mail_messages (
  tenant_id uuid not null,
  id uuid not null,
  state text not null check (state in ('queued', 'sending', 'sent', 'failed', 'bounced', 'complained', 'suppressed')),
  attempts integer not null default 0,
  attempt_until timestamptz,
  message_id text not null,
  from_address text not null,
  from_name text,
  subject text not null,
  size_bytes integer not null,
  transport text,
  provider_id text,
  last_fault text,
  last_response text,
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  sent_at timestamptz,
  primary key (tenant_id, id)
);
create index mail_messages_by_state on mail_messages (tenant_id, state, id) where state <> 'sent';
create index mail_messages_by_age on mail_messages (created_at);
${tenantTable('mail_messages', { app: 'select,insert,update', system: 'select,delete' })}
create table mail_contents (
  tenant_id uuid not null,
  message_id uuid not null,
  content bytea not null,
  primary key (tenant_id, message_id),
  foreign key (tenant_id, message_id) references mail_messages (tenant_id, id) on delete cascade
);
alter table mail_contents alter column content set storage external;
${tenantTable('mail_contents', { app: 'select,insert', system: 'select,delete' })}
create table mail_recipients (
  tenant_id uuid not null,
  message_id uuid not null,
  address_key text not null,
  address text not null,
  kind text not null check (kind in ('to', 'cc', 'bcc')),
  state text not null check (state in ('queued', 'sent', 'failed', 'bounced', 'complained', 'suppressed')),
  provider_id text,
  response text,
  updated_at timestamptz not null,
  primary key (tenant_id, message_id, address_key),
  foreign key (tenant_id, message_id) references mail_messages (tenant_id, id) on delete cascade
);
create index mail_recipients_by_address on mail_recipients (tenant_id, address_key, message_id);
create index mail_recipients_by_send on mail_recipients (provider_id) where provider_id is not null;
${tenantTable('mail_recipients', { app: 'select,insert,update', system: 'select,delete' })}`,
}
