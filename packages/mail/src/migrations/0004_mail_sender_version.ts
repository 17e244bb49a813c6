import type { Migration } from '@stoa/db'

/** The version of a sender: two people who change it at once are to notice. */
export const mailSenderVersion: Migration = {
  name: '0004_mail_sender_version',
  scope: 'shared',
  breaking: false,
  up: 'alter table mail_senders add column version integer not null default 1;',
}
