import type { Migration } from '@stoa/db'

/** What a directory calls somebody (SCIM) is one member's. */
export const memberUserNames: Migration = {
  name: '0008_member_user_names',
  scope: 'shared',
  breaking: false,
  transactional: false,
  up: 'create unique index concurrently if not exists memberships_by_user_name on memberships (tenant_id, lower(user_name)) where user_name is not null',
}
