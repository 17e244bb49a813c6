import { type Migration, tenantTable } from '@stoa/db'

/**
 * Links that were taken down: why, since when, by whom; NULL for the others. What strangers reported of links. Hosts to
 * which a tenant wants no link to lead.
 */
export const linkSafety: Migration = {
  name: '0016_link_safety',
  scope: 'tenant',
  breaking: false,
  up: `
alter table links add column takedown jsonb;
create table link_reports (
  tenant_id uuid not null,
  id uuid not null,
  link_id uuid not null,
  reason text collate "C" not null,
  details text check (char_length(details) <= 2000),
  contact text check (char_length(contact) <= 254),
  state text collate "C" not null check (state in ('open', 'upheld', 'dismissed')),
  created_at timestamptz not null,
  settled_at timestamptz,
  settled_by text,
  primary key (tenant_id, id),
  foreign key (tenant_id, link_id) references links (tenant_id, id)
);
create index link_reports_by_creation on link_reports (tenant_id, created_at, id);
create index link_reports_of_link on link_reports (tenant_id, link_id, state);
${tenantTable('link_reports', { app: 'select,insert,update' })}
create table link_blocked_hosts (
  tenant_id uuid not null,
  id uuid not null,
  host text collate "C" not null check (char_length(host) <= 253),
  note text check (char_length(note) <= 500),
  created_at timestamptz not null,
  created_by text not null,
  primary key (tenant_id, id),
  unique (tenant_id, host)
);
${tenantTable('link_blocked_hosts', { app: 'select,insert,delete' })}
`,
}
