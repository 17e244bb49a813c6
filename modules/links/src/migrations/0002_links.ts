import { type Migration, tenantTable } from '@stoa/db'

/** Links. Deleting is not part of the room: a code that once led somewhere must never lead to a stranger's page. */
export const links: Migration = {
  name: '0002_links',
  scope: 'tenant',
  breaking: false,
  up: `
create table links (
  tenant_id uuid not null,
  id uuid not null,
  host text collate "C" not null,
  code text collate "C" not null,
  target text not null check (char_length(target) <= 2048),
  title text check (char_length(title) <= 200),
  tags text[] not null check (cardinality(tags) <= 20),
  expires_at timestamptz,
  archived_at timestamptz,
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_by text not null,
  primary key (tenant_id, id),
  unique (tenant_id, host, code)
);
create index links_by_creation on links (tenant_id, created_at, id);
create index links_by_update on links (tenant_id, updated_at, id);
${tenantTable('links', { app: 'select,insert,update' })}
`,
}
