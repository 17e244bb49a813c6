import type { MigrationSet } from '@stoa/db'
import { events } from './0001_events.ts'
import { journalReaders } from './0002_journal_readers.ts'
import { eventPlaces } from './0003_event_places.ts'

/** The journal's schema. */
export const journalMigrations: MigrationSet = { owner: 'journal', migrations: [events, journalReaders, eventPlaces] }
