import { defineErrors } from '@stoa/kernel'

/** What can go wrong with mail. */
export const mailErrors = defineErrors({
  mail_not_found: { kind: 'not_found', message: 'There is no such message.' },
  mail_confidential: { kind: 'forbidden', message: 'The content of this message is for who gets it alone.' },
  mail_suppression_exists: { kind: 'conflict', message: 'This address is on the list already.' },
  mail_invalid: { kind: 'invalid', message: 'This message cannot be sent as it is.' },
  mail_sender_invalid: { kind: 'invalid', message: 'These sender settings cannot be used.' },
  mail_in_flight: {
    kind: 'conflict',
    message: 'Another attempt to send this message is under way.',
    retryable: true,
  },
  mail_refused: { kind: 'invalid', message: 'The mail was refused for good.', retryable: false },
  mail_deferred: { kind: 'unavailable', message: 'The mail could not be handed over yet. It will be tried again.' },
  mail_inside_transaction: {
    kind: 'internal',
    message: 'Mail was sent inside of a database transaction, which would stay open for as long as the provider takes.',
  },
  mail_feedback_refused: { kind: 'forbidden', message: 'This notification is not one that is accepted here.' },
})
