import { type Migration, tenantTable } from '@stoa/db'

/**
 * Whose a host is. A request knows a host and no tenant, so all placements share this table. A row is there for as long as
 * a tenant has proven the host, and a room serves it.
 */
export const provenHosts: Migration = {
  name: '0004_proven_hosts',
  scope: 'shared',
  breaking: false,
  up: `
create table proven_hosts (
  tenant_id uuid not null,
  host text collate "C" not null check (char_length(host) <= 253),
  room text not null,
  use_id uuid not null,
  primary key (tenant_id, host)
);
create unique index proven_hosts_of_all on proven_hosts (host);
${tenantTable('proven_hosts')}
`,
}
