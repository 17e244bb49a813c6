import type { MigrationSet } from '@stoa/db'
import { mailMessages } from './0001_mail_messages.ts'
import { mailSuppressions } from './0002_mail_suppressions.ts'
import { mailSenders } from './0003_mail_senders.ts'
import { mailSenderVersion } from './0004_mail_sender_version.ts'
import { mailConfidential } from './0005_mail_confidential.ts'

/**
 * The tables of this package, all of them tenants' tables in the schema `stoa`: `mail_messages`, `mail_contents`,
 * `mail_recipients`, `mail_suppressions`, `mail_senders`.
 */
export const mailMigrations: MigrationSet = {
  owner: 'mail',
  migrations: [mailMessages, mailSuppressions, mailSenders, mailSenderVersion, mailConfidential],
}
