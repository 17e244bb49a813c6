import { type Migration, sharedTable } from '@stoa/db'

/**
 * One row per durable reader: where it stands, and who holds it. Updated often and small, so there is room in the page
 * for HOT updates.
 */
export const journalReaders: Migration = {
  name: '0002_journal_readers',
  scope: 'shared',
  breaking: false,
  up: `
create table journal_readers (
  name text primary key,
  position_xid xid8 not null,
  position_id bigint not null,
  fence bigint not null,
  holder text not null,
  lease_until timestamptz not null,
  advanced_at timestamptz not null,
  failures integer not null default 0,
  last_error text
) with (fillfactor = 50);
${sharedTable('journal_readers', { app: 'none' })}`,
}
