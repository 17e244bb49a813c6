import type { Migration } from '@stoa/db'

/** Tokens from before a suspension do not come back to life when it ends. */
export const memberTokens: Migration = {
  name: '0009_member_tokens',
  scope: 'shared',
  breaking: false,
  up: `
alter table memberships add column suspended_at timestamptz;
update memberships set suspended_at = updated_at where status = 'suspended';`,
}
