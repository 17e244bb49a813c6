import { type Migration, tenantTable } from '@stoa/db'

/**
 * Links. Deleting is not part of the room: a code that once led somewhere must never lead to a stranger's page.
 *
 * `link_tags` says again what `tags` says, for the filter of the list: the array is what is shown, the rows are what is
 * searched. A GIN index on the array would never be used: `@>` is not leakproof, so row level security keeps it from
 * being an index condition. Equality of text is leakproof.
 */
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
create table link_tags (
  tenant_id uuid not null,
  tag text collate "C" not null,
  link_id uuid not null,
  primary key (tenant_id, tag, link_id),
  foreign key (tenant_id, link_id) references links (tenant_id, id)
);
${tenantTable('link_tags', { app: 'select,insert,delete' })}
`,
}
