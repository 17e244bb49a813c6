import type { Migration } from '@stoa/db'

/** The hash of the password that visitors have to say, and what previews show; NULL for none. */
export const linkPasswordAndCard: Migration = {
  name: '0014_link_password_and_card',
  scope: 'tenant',
  breaking: false,
  up: 'alter table links add column password text, add column card jsonb',
}
