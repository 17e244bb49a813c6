import type { Migration } from '@stoa/db'

/** To whom a key belongs: its owner bounds it. Keys from before belong to nobody, and are bounded by nobody. */
export const apiKeyOwners: Migration = {
  name: '0003_api_key_owners',
  scope: 'shared',
  breaking: false,
  up: `
alter table api_keys add column owner_type text;
alter table api_keys add column owner_id uuid;
`,
}
