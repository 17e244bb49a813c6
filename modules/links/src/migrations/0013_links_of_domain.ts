import type { Migration } from '@stoa/db'

/** Whether links are on a domain: then it is not removed. */
export const linksOfDomain: Migration = {
  name: '0013_links_of_domain',
  scope: 'tenant',
  breaking: false,
  transactional: false,
  up: 'create index concurrently if not exists links_of_domain on links (tenant_id, domain_id) where domain_id is not null',
}
