import { defineErrors } from '@stoa/kernel'

/** What can be wrong between a program and the schema it finds. */
export const migrationErrors = defineErrors({
  migration_changed: {
    kind: 'internal',
    message: 'A migration that was applied here has another text now. Applied migrations never change: add a new one.',
  },
  migration_failed: { kind: 'internal', message: 'A migration failed.' },
  migration_locked: {
    kind: 'unavailable',
    message: 'A migration could not get its lock: other transactions held the table all the time. Run it again.',
  },
  migration_busy: { kind: 'unavailable', message: 'Another process is migrating this database and has not finished.' },
  schema_behind: { kind: 'unavailable', message: 'The database lacks migrations of this release. Run the migrations.' },
  schema_newer: {
    kind: 'unavailable',
    message: 'The database belongs to a newer release that this one cannot run on. Start the newer release.',
  },
  database_rights_missing: { kind: 'internal', message: 'The database login may not prepare the database for Stoa.' },
})
