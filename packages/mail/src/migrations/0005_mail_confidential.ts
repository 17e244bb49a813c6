import type { Migration } from '@stoa/db'

/** Messages whose bytes are shown to nobody: they hold what only who gets them may know, such as a link to an account. */
export const mailConfidential: Migration = {
  name: '0005_mail_confidential',
  scope: 'shared',
  breaking: false,
  up: 'alter table mail_contents add column confidential boolean not null default false;',
}
