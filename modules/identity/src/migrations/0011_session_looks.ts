import type { Migration } from '@stoa/db'

/**
 * When a session is looked at next, whether it was idle for too long. An index on the last use would have to be written
 * whenever a session is used, which is once a minute; this one is written once for each idle time.
 */
export const sessionLooks: Migration = {
  name: '0011_session_looks',
  scope: 'shared',
  breaking: false,
  // The default is for nodes of before: what they begin is looked at soon, and then knows its time.
  up: 'alter table sessions add column next_look_at timestamptz not null default now();',
}
