import type { Migration } from '@stoa/db'

/** Finds the sessions that are to be looked at among all that live. */
export const sessionsByLook: Migration = {
  name: '0012_sessions_by_look',
  scope: 'shared',
  breaking: false,
  transactional: false,
  up: 'create index concurrently if not exists sessions_by_look on sessions (next_look_at)',
}
