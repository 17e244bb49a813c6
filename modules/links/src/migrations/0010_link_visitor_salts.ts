import { type Migration, sharedTable } from '@stoa/db'

/** Keys of a day's visitors, for two days; unlogged, so that they are in no backup. See visitor-salts.ts. */
export const linkVisitorSalts: Migration = {
  name: '0010_link_visitor_salts',
  scope: 'shared',
  breaking: false,
  up: `
create unlogged table link_visitor_salts (
  day date primary key,
  salt bytea not null
);
${sharedTable('link_visitor_salts', { app: 'none', system: 'select,insert,delete' })}
`,
}
