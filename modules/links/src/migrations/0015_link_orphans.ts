import { type Migration, sharedTable } from '@stoa/db'

/**
 * Visits that found no link, by the host (its domain's id; empty: the installation's own), the day and the word. A visit
 * knows no tenant, and the installation's own host belongs to none.
 */
export const linkOrphans: Migration = {
  name: '0015_link_orphans',
  scope: 'shared',
  breaking: false,
  up: `
create table link_orphans (
  space text collate "C" not null,
  day date not null,
  word text collate "C" not null check (char_length(word) <= 24),
  visits bigint not null check (visits >= 1),
  primary key (space, day, word)
);
${sharedTable('link_orphans', { app: 'none' })}
`,
}
