import type { Migration } from '@stoa/db'

/** What a directory says of members (SCIM): the parts of their names. */
export const provisioning: Migration = {
  name: '0007_provisioning',
  scope: 'shared',
  breaking: false,
  up: `
alter table memberships add column given_name text;
alter table memberships add column family_name text;`,
}
