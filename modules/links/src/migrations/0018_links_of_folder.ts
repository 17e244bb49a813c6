import type { Migration } from '@stoa/db'

/** The links in a folder, in the order of the list. */
export const linksOfFolder: Migration = {
  name: '0018_links_of_folder',
  scope: 'tenant',
  breaking: false,
  transactional: false,
  up: 'create index concurrently if not exists links_of_folder on links (tenant_id, folder_id, created_at, id) where folder_id is not null',
}
