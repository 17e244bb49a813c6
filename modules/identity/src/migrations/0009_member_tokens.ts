import type { Migration } from '@stoa/db'

/** Tokens from before a suspension do not come back to life when it ends. */
export const memberTokens: Migration = {
  name: '0009_member_tokens',
  scope: 'shared',
  breaking: false,
  up: `
-- Not suspended_at: beside that of people it would be ambiguous for nodes of before.
alter table memberships add column last_suspended_at timestamptz;
update memberships set last_suspended_at = updated_at where status = 'suspended';`,
}
