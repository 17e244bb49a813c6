import { type Migration, tenantTable } from '@stoa/db'

// No foreign key to tenants: it would lock the tenant's row in every keyed request, and the rows are gone after a day
// anyway.
export const idempotencyKeys: Migration = {
  name: '0001_idempotency_keys',
  scope: 'shared',
  breaking: false,
  up: `
create table idempotency_keys (
  tenant_id uuid not null,
  scope text not null,
  key text not null,
  fingerprint bytea not null,
  status smallint not null,
  headers jsonb not null,
  body bytea,
  sealed boolean not null,
  created_at timestamptz not null,
  primary key (tenant_id, scope, key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
${tenantTable('idempotency_keys', { app: 'select,insert,delete', system: 'select,update,delete' })}
create function idempotency_key_taken() returns boolean language plpgsql as $$
begin
  raise exception using errcode = 'ST409', message = 'the idempotency key is in use, or was answered';
end
$$;`,
}
