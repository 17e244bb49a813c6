import type { Migration } from '@stoa/db'

/** Rules and split of a link, as the API shows them; NULL for none. */
export const linkRouting: Migration = {
  name: '0007_link_routing',
  scope: 'tenant',
  breaking: false,
  up: 'alter table links add column rules jsonb, add column split jsonb',
}
