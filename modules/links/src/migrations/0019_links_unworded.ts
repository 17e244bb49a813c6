import type { Migration } from '@stoa/db'

/** Links that cannot be found by their words yet: none, as a rule. */
export const linksUnworded: Migration = {
  name: '0019_links_unworded',
  scope: 'tenant',
  breaking: false,
  transactional: false,
  up: 'create index concurrently if not exists links_unworded on links (tenant_id, id) where not worded',
}
