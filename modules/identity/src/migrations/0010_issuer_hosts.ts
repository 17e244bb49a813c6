import { type Migration, tenantTable } from '@stoa/db'

/**
 * Hosts of tenants for their issuers. A request knows a host and no tenant, so all placements share this table. Several
 * tenants may name a host; it belongs to the one that has proven it, and at most one of a tenant is where its issuer is.
 */
export const issuerHosts: Migration = {
  name: '0010_issuer_hosts',
  scope: 'shared',
  breaking: false,
  up: `
create table issuer_hosts (
  tenant_id uuid not null,
  id uuid not null,
  host text collate "C" not null check (char_length(host) <= 253),
  verified_at timestamptz,
  active boolean not null check (not active or verified_at is not null),
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_by text not null,
  primary key (tenant_id, id),
  unique (tenant_id, host)
);
create unique index issuer_hosts_active on issuer_hosts (tenant_id) where active;
create index issuer_hosts_verified on issuer_hosts (host) where verified_at is not null;
${tenantTable('issuer_hosts')}
`,
}
