import type { Migration } from '@stoa/db'

/** The tenant's domain that a link lives on; NULL: the installation's short host. */
export const linksByDomain: Migration = {
  name: '0012_links_by_domain',
  scope: 'tenant',
  breaking: false,
  up: 'alter table links add column domain_id uuid',
}
