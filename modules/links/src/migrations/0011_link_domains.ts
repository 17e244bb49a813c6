import { type Migration, tenantTable } from '@stoa/db'

/**
 * Short hosts of tenants. A redirect knows a host and no tenant, so all placements share this table. Several tenants may
 * name a host; it belongs to the one that has proven it.
 */
export const linkDomains: Migration = {
  name: '0011_link_domains',
  scope: 'shared',
  breaking: false,
  up: `
create table link_domains (
  tenant_id uuid not null,
  id uuid not null,
  host text collate "C" not null check (char_length(host) <= 253),
  root_target text check (char_length(root_target) <= 2048),
  not_found_target text check (char_length(not_found_target) <= 2048),
  verified_at timestamptz,
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_by text not null,
  primary key (tenant_id, id),
  unique (tenant_id, host)
);
create unique index link_domains_verified on link_domains (host) where verified_at is not null;
create index link_domains_by_creation on link_domains (tenant_id, created_at, id);
${tenantTable('link_domains')}
`,
}
