import { mailErrors, mailMigrations, mailPermissions } from '@stoa/mail'
import { defineModule } from '@stoa/module'
import { mailChannels } from './channels.ts'
import { mailEvents } from './events.ts'
import { openRoom } from './room.ts'

/** Mail: sent by tasks, with an outbox that knows what became of it. */
export const mailModule = defineModule({
  name: 'mail',
  description: 'Mail: sent by tasks, with an outbox that knows what became of it.',
  migrations: mailMigrations,
  permissions: { 'mail:send': 'Send mail.', ...mailPermissions },
  // What was sent to others is in there, whole: links that let somebody in, too.
  leastRoles: { 'mail:read': 'admin', 'mail:send': 'member' },
  events: mailEvents,
  channels: mailChannels,
  errors: mailErrors,
  tags: {
    Mail: 'The outbox: what was sent, what became of it with each receiver, whom nothing is sent to, and whom mail is from. Mail is sent by the task `mail.send`.',
  },
  tables: {
    mail_messages: 'A message of the outbox: what it has come to.',
    mail_contents: 'The bytes of a message, as they were composed.',
    mail_recipients: 'Somebody who gets a message, and what became of that.',
    mail_suppressions: 'An address that nothing is sent to.',
    mail_senders: 'Whom the mail of a tenant is from, and what it is signed with.',
  },
  create: openRoom,
})
