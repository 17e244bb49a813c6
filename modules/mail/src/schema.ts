import { Id, Nullable, OneOf, Timestamp } from '@stoa/http'
import { Type } from 'typebox'

const MAX_ADDRESS_LENGTH = 254
const MAX_NAME_LENGTH = 200
const MAX_TEXT_LENGTH = 1_000_000
const closed = { additionalProperties: false }

const Address = Type.String({ minLength: 1, maxLength: MAX_ADDRESS_LENGTH, examples: ['ann@example.org'] })

/** An address of a request: a bare one, or one with a name. */
const AddressInput = Type.Union([
  Address,
  Type.Object({ address: Address, name: Type.Optional(Type.String({ maxLength: MAX_NAME_LENGTH })) }, closed),
])

const Receivers = Type.Array(AddressInput, { maxItems: 1_000 })

const NewAttachment = Type.Object(
  {
    filename: Type.String({ minLength: 1, maxLength: 200, description: 'Without a path.' }),
    content: Type.String({ description: 'As `encoding` says.' }),
    encoding: Type.Optional(OneOf(['base64', 'text'], { description: 'Default `base64`.' })),
    contentType: Type.Optional(Type.String({ maxLength: 130, description: 'Default: by the end of the name.' })),
    cid: Type.Optional(Type.String({ maxLength: 100, description: 'The HTML shows it as `cid:…`.' })),
  },
  closed,
)

/** What a message is made from: the input of `mail.send`. */
export const NewMail = Type.Object(
  {
    to: Receivers,
    cc: Type.Optional(Receivers),
    bcc: Type.Optional(Receivers),
    from: Type.Optional(AddressInput),
    replyTo: Type.Optional(AddressInput),
    subject: Type.String({ minLength: 1, maxLength: 500 }),
    text: Type.Optional(Type.String({ maxLength: MAX_TEXT_LENGTH, description: 'Default: the text of `html`.' })),
    html: Type.Optional(Type.String({ maxLength: MAX_TEXT_LENGTH })),
    attachments: Type.Optional(Type.Array(NewAttachment, { maxItems: 100 })),
    unsubscribe: Type.Optional(
      Type.Object(
        { url: Type.Optional(Type.String({ maxLength: 1_000 })), mailto: Type.Optional(Address) },
        { ...closed, description: 'How to end what somebody has subscribed to: an https address, a mailbox, or both.' },
      ),
    ),
    inReplyTo: Type.Optional(Type.String({ maxLength: 410 })),
    references: Type.Optional(Type.Array(Type.String({ maxLength: 410 }), { maxItems: 50 })),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: 900 }), {
        description: '`X-…`, `Auto-Submitted`, `Precedence`, `Importance`, `List-Id`; up to 20.',
      }),
    ),
    confidential: Type.Optional(
      Type.Boolean({ description: 'The outbox shows its content to nobody. Default false.' }),
    ),
  },
  { ...closed, title: 'NewMail' },
)

const MAIL_STATES = ['queued', 'sending', 'sent', 'failed', 'bounced', 'complained', 'suppressed'] as const
const RECIPIENT_STATES = MAIL_STATES.filter((state) => state !== 'sending')

const Mailbox = Type.Object({ address: Address, name: Nullable(Type.String({ examples: ['Ann'] })) })

const summary = {
  id: Id,
  state: OneOf(MAIL_STATES, {
    description: '`sent`: somebody got it, and nobody waits. `bounced` and `complained`: somebody’s did.',
  }),
  attempts: Type.Integer({ minimum: 0, description: 'How often it was begun to be sent.' }),
  messageId: Type.String({
    description: 'The Message-ID, the same in every attempt.',
    examples: ['<019b76da-a800-7000-8000-000000000002@example.org>'],
  }),
  from: Mailbox,
  subject: Type.String({ examples: ['Your order'] }),
  sizeBytes: Type.Integer({ minimum: 0, description: 'As it was composed.' }),
  transport: Nullable(Type.String({ description: 'The engine of the last attempt.', examples: ['smtp'] })),
  providerId: Nullable(Type.String({ description: 'What the provider calls it.', examples: ['4Z1k9T2'] })),
  lastError: Type.Union(
    [
      Type.Object({
        fault: Type.String({
          description:
            '`refused`, `deferred`, `throttled`, `unreachable`, `timeout`, `misconfigured` or `interrupted`.',
          examples: ['deferred'],
        }),
        response: Type.String({ description: 'What the other side said.', examples: ['450 4.2.0 greylisted'] }),
      }),
      Type.Null(),
    ],
    { description: 'Why the last attempt did not succeed.', examples: [null] },
  ),
  createdBy: Type.String({ examples: ['apiKey:019b76da-a800-7000-8000-000000000002'] }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  sentAt: Type.Union([Timestamp, Type.Null()], { description: 'When the provider first took it for somebody.' }),
}

/** A message in a list. */
export const MailSummary = Type.Object(summary, { ...closed, title: 'MailSummary' })

/** Somebody who gets a message. */
const MailRecipient = Type.Object(
  {
    address: Address,
    kind: OneOf(['to', 'cc', 'bcc']),
    state: OneOf(RECIPIENT_STATES),
    providerId: Nullable(Type.String({ examples: ['4Z1k9T2'] })),
    response: Nullable(
      Type.String({ description: 'What was said of this one.', examples: ['550 5.1.1 no such user'] }),
    ),
    updatedAt: Timestamp,
  },
  { ...closed, title: 'MailRecipient' },
)

/** A message with everybody who gets it. */
export const MailMessage = Type.Object(
  { ...summary, recipients: Type.Array(MailRecipient) },
  { ...closed, title: 'MailMessage' },
)

/** A filter of messages. */
export const MailQuery = Type.Object({
  state: Type.Optional(OneOf(MAIL_STATES)),
  recipient: Type.Optional(
    Type.String({ minLength: 1, maxLength: MAX_ADDRESS_LENGTH, description: 'An address. Not together with `state`.' }),
  ),
})

const REASONS = ['bounce', 'complaint', 'unsubscribe', 'manual'] as const
const Note = { maxLength: 500, description: 'On one line.', examples: ['asked by phone'] }

/** An address that nothing is sent to. */
export const MailSuppression = Type.Object(
  {
    address: Type.String({
      description: 'In lower case; the domain in Punycode.',
      examples: ['ann@example.org'],
    }),
    reason: OneOf(REASONS),
    note: Nullable(Type.String({ ...Note, description: 'What was said: by the provider, or by whoever added it.' })),
    messageId: Type.Union([Id, Type.Null()], { description: 'The message that it came from.', examples: [null] }),
    createdBy: Type.String({ examples: ['system:mail'] }),
    createdAt: Timestamp,
  },
  { ...closed, title: 'MailSuppression' },
)

/** An address to add. */
export const NewMailSuppression = Type.Object(
  {
    address: Address,
    reason: Type.Optional(OneOf(['unsubscribe', 'manual'], { description: 'Default `manual`.' })),
    note: Type.Optional(Type.String(Note)),
  },
  { ...closed, title: 'NewMailSuppression' },
)

/** An address to take off. */
export const MailSuppressionRemoval = Type.Object(
  { address: Address, note: Type.Optional(Type.String({ ...Note, description: 'Why; for the audit trail.' })) },
  { ...closed, title: 'MailSuppressionRemoval' },
)

/** A filter of the list. */
export const MailSuppressionQuery = Type.Object({
  address: Type.Optional(
    Type.String({ minLength: 1, maxLength: MAX_ADDRESS_LENGTH, description: 'Whether this one is on it.' }),
  ),
})

const Domain = Type.String({ minLength: 1, maxLength: 253, examples: ['example.org'] })
const Selector = Type.String({
  minLength: 1,
  maxLength: 63,
  description: 'Letters, digits and hyphens. A new key needs a new one.',
  examples: ['s1'],
})

/** Whom a tenant's mail is from. */
export const MailSender = Type.Object(
  {
    isOwn: Type.Boolean({ description: "`false`: it is the installation's address." }),
    from: Mailbox,
    replyTo: Nullable(Type.String({ examples: ['help@example.org'] })),
    dkim: Type.Union(
      [
        Type.Object({
          domain: Domain,
          selector: Selector,
          record: Type.Object(
            { name: Type.String(), type: Type.Literal('TXT'), value: Type.String() },
            { description: 'What has to stand in DNS for receivers to believe the signature.' },
          ),
        }),
        Type.Null(),
      ],
      { description: 'What it is signed with. The key itself is never given out.', examples: [null] },
    ),
    version: Type.Integer({ minimum: 0, description: '0: no sender of its own.' }),
    updatedAt: Type.Union([Timestamp, Type.Null()]),
  },
  { ...closed, title: 'MailSender' },
)

/** What a tenant's sender is to be; all of it. */
export const MailSenderChange = Type.Object(
  {
    from: AddressInput,
    replyTo: Type.Optional(Nullable(Address)),
    dkim: Type.Optional(
      Type.Union([
        Type.Object(
          {
            domain: Domain,
            selector: Selector,
            privateKey: Type.Optional(
              Type.String({
                maxLength: 10_000,
                description:
                  'RSA in PEM, 1024 to 4096 bits. Default: the one that this domain and selector have, else a new one.',
              }),
            ),
          },
          closed,
        ),
        Type.Null(),
      ]),
    ),
  },
  { ...closed, title: 'MailSenderChange' },
)
