import { type Migration, tenantTable } from '@stoa/db'

/**
 * Folders of links, their names once in any case; notes on links; and the words by which links are found.
 *
 * A word is a row, like a tag (see 0002_links): a text index would never be used under row level security, and a comparison
 * of text is leakproof. The rows have no foreign key: they are written with the link, which is never deleted. What was made
 * before there were words, or by a release that knows none, is not `worded` yet: see word-filling.ts.
 */
export const linkFolders: Migration = {
  name: '0017_link_folders',
  scope: 'tenant',
  breaking: false,
  up: `
create table link_folders (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (char_length(name) <= 100),
  folded text collate "C" not null,
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_by text not null,
  primary key (tenant_id, id),
  unique (tenant_id, folded)
);
${tenantTable('link_folders')}
alter table links
  add column folder_id uuid,
  add column notes text,
  add column worded boolean not null default false;
create table link_words (
  tenant_id uuid not null,
  word text collate "C" not null,
  link_id uuid not null,
  primary key (tenant_id, word, link_id)
);
${tenantTable('link_words', { app: 'select,insert,delete' })}
`,
}
