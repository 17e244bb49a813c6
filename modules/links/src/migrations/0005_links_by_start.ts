import type { Migration } from '@stoa/db'

/** Which link begins next: until then a list of active links holds. */
export const linksByStart: Migration = {
  name: '0005_links_by_start',
  scope: 'tenant',
  breaking: false,
  transactional: false,
  up: 'create index concurrently if not exists links_by_start on links (tenant_id, starts_at) where starts_at is not null',
}
