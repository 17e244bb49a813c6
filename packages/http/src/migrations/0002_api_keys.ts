import { type Migration, tenantTable } from '@stoa/db'

export const apiKeys: Migration = {
  name: '0002_api_keys',
  scope: 'shared',
  breaking: false,
  up: `
create table api_keys (
  tenant_id uuid not null references tenants (id) on delete cascade,
  id uuid not null,
  prefix text not null,
  name text not null,
  hash bytea not null,
  scopes text[] not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  version integer not null,
  primary key (tenant_id, id)
);
create index api_keys_prefix on api_keys (prefix);
${tenantTable('api_keys', { app: 'select,insert,update', system: 'select,update' })}`,
}
