import type { Static } from 'typebox'
import type * as schema from './schema.ts'

export { mailErrors } from '@stoa/mail'
export {
  mailBounced,
  mailComplained,
  mailEvents,
  mailFailed,
  mailQueued,
  mailSent,
  mailSuppressed,
  senderRemoved,
  senderUpdated,
  suppressionAdded,
  suppressionRemoved,
} from './events.ts'

/** What a message is made from: the input of the task `mail.send`. */
export type NewMail = Static<typeof schema.NewMail>
/** A message in a list, as the API shows it; times are text there. */
export type MailSummary = Static<typeof schema.MailSummary>
/** An address that nothing is sent to. */
export type MailSuppression = Static<typeof schema.MailSuppression>
/** Whom a tenant's mail is from. */
export type MailSender = Static<typeof schema.MailSender>
/** A message with everybody who gets it. */
export type MailMessage = Static<typeof schema.MailMessage>
