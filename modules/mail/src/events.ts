import { defineEvent, type EventDefinition, type Journal } from '@stoa/journal'
import type { MailDeps } from '@stoa/mail'
import { Type } from 'typebox'

const STATES = ['queued', 'sending', 'sent', 'failed', 'bounced', 'complained', 'suppressed'] as const

/** No addresses: the journal is kept for longer than mail, and read by more people. */
const data = Type.Object({
  id: Type.String({ format: 'uuid' }),
  state: Type.Unsafe<(typeof STATES)[number]>({
    type: 'string',
    enum: [...STATES],
    description: 'Of the message as a whole.',
  }),
  recipients: Type.Integer({ minimum: 1, description: 'How many receivers this is about.' }),
})

function changeOf(type: string, description: string) {
  return defineEvent({ type, version: 1, description, data })
}

/** A message waits to be sent: a new one, or one that is tried again. Subject of this and the next five: `mail:<id>`. */
export const mailQueued = changeOf('mail.queued', 'A message waits to be sent to some receivers.')
/** The provider took it. */
export const mailSent = changeOf('mail.sent', 'The provider took a message for some receivers.')
/** It was refused for good, or given up. */
export const mailFailed = changeOf('mail.failed', 'Some receivers of a message were refused for good, or given up.')
/** They are on the list. */
export const mailSuppressed = changeOf('mail.suppressed', 'Some receivers are on the list of whom nothing is sent to.')
/** It came back. */
export const mailBounced = changeOf('mail.bounced', 'A message came back from some receivers.')
/** It was called spam. */
export const mailComplained = changeOf('mail.complained', 'Some receivers have called a message spam.')

const BY_STATE = {
  queued: mailQueued,
  sent: mailSent,
  failed: mailFailed,
  suppressed: mailSuppressed,
  bounced: mailBounced,
  complained: mailComplained,
} as const

/** All that happens to messages. */
export const messageEvents: readonly EventDefinition[] = Object.values(BY_STATE)

const listed = Type.Object({
  address: Type.String(),
  reason: Type.String({ description: '`bounce`, `complaint`, `unsubscribe` or `manual`.' }),
  note: Type.Union([Type.String(), Type.Null()], { description: 'What whoever did it said.' }),
})

/**
 * Somebody has put an address on the list of whom nothing is sent to. What bounces and complaints put there is told by
 * `mail.bounced` and `mail.complained`. Subject of this and all others: `tenant:<id>`.
 */
export const suppressionAdded = defineEvent({
  type: 'mail.suppression_added',
  version: 1,
  description: 'Somebody has put an address on the list of whom nothing is sent to.',
  data: listed,
})

/** Mail is sent there again. */
export const suppressionRemoved = defineEvent({
  type: 'mail.suppression_removed',
  version: 1,
  description: 'Somebody has taken an address off the list of whom nothing is sent to.',
  data: listed,
})

/** Mail is from somebody else, or signed otherwise. */
export const senderUpdated = defineEvent({
  type: 'mail.sender_updated',
  version: 1,
  keepsPlace: true,
  description: 'Whom mail is from was set, or what it is signed with.',
  data: Type.Object({
    from: Type.String({ description: 'The address.' }),
    dkimDomain: Type.Union([Type.String(), Type.Null()]),
    dkimSelector: Type.Union([Type.String(), Type.Null()]),
    version: Type.Integer({ minimum: 1 }),
  }),
})

/** Mail is from the installation's address again. */
export const senderRemoved = defineEvent({
  type: 'mail.sender_removed',
  version: 1,
  keepsPlace: true,
  description: "Mail is from the installation's address again.",
  data: Type.Object({}),
})

/** All events of the room. */
export const mailEvents: readonly EventDefinition[] = [
  ...messageEvents,
  suppressionAdded,
  suppressionRemoved,
  senderUpdated,
  senderRemoved,
]

/** For {@link MailDeps.record}: appends what becomes of a message, one event for all receivers that share an outcome. */
export function recordInto(journal: Pick<Journal, 'append'>): NonNullable<MailDeps['record']> {
  return (ctx, tx, { id, recipients, state }) => {
    for (const [outcome, event] of Object.entries(BY_STATE)) {
      const count = recipients.filter((recipient) => recipient.state === outcome).length
      if (count > 0) journal.append(ctx, tx, event.of({ id, state, recipients: count }, [`mail:${id}`]))
    }
  }
}
