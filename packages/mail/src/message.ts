/*
 * What may be sent. Everything is checked before anything is written, and all faults are told together. Nothing that
 * goes into a header can hold a line break, so no header can be smuggled in.
 */
import { type ErrorSpec, StoaError } from '@stoa/kernel'
import { type AddressInput, isMailbox, type Mailbox, mailboxOf, sameAddressAs } from './address.ts'
import { type Attachment, type AttachmentInput, checkedAttachments } from './attachments.ts'
import { mailErrors } from './errors.ts'
import { Faults } from './fields.ts'
import { checkedHeaders } from './headers.ts'
import type { Html } from './html.ts'
import { textOf } from './plain-text.ts'

/** A message, as whoever composes it says it. */
export interface MailInput {
  readonly to: readonly AddressInput[]
  readonly cc?: readonly AddressInput[] | undefined
  /** Who gets it without the others seeing it. */
  readonly bcc?: readonly AddressInput[] | undefined
  /**
   * Who it is from. The domain must be that of the tenant's sender, or of the installation's. Default: the tenant's
   * sender, else the installation's.
   */
  readonly from?: AddressInput | undefined
  /** Default: that of the tenant's sender; none. */
  readonly replyTo?: AddressInput | undefined
  /** 1–500 characters on one line. */
  readonly subject: string
  /** Up to 1 000 000 characters. Default: the text of `html`. One of the two is needed. */
  readonly text?: string | undefined
  /** Up to 1 000 000 characters. A string goes in as it is: use the tag `html` for anything with values in it. */
  readonly html?: string | Html | undefined
  readonly attachments?: readonly AttachmentInput[] | undefined
  /** For mail that somebody has subscribed to: how to end it. One of the two is needed. */
  readonly unsubscribe?: UnsubscribeInput | undefined
  /** The Message-ID that this answers, with its angle brackets. */
  readonly inReplyTo?: string | undefined
  /** The conversation, oldest first; up to 50. Default: `inReplyTo`. */
  readonly references?: readonly string[] | undefined
  /** More header fields: `X-…`, `Auto-Submitted`, `Precedence`, `Importance`, `List-Id`. Up to 20. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * Its bytes are shown to nobody, whatever they may: it holds what only who gets it may know, such as a link to an
   * account. Default false.
   */
  readonly confidential?: boolean | undefined
}

/** How a subscription is ended: `List-Unsubscribe` (RFC 2369), with one click (RFC 8058). */
export interface UnsubscribeInput {
  /** An https address that ends it on POST with `List-Unsubscribe=One-Click`, without a login. Up to 1 000 characters. */
  readonly url?: string | undefined
  /** Where a mail ends it. */
  readonly mailto?: string | undefined
}

/** How a receiver is named in the message. */
type RecipientKind = 'to' | 'cc' | 'bcc'

/** A message that can be sent. */
export interface CheckedMail {
  readonly to: readonly Mailbox[]
  readonly cc: readonly Mailbox[]
  readonly from: Mailbox | null
  readonly replyTo: Mailbox | null
  readonly subject: string
  readonly text: string
  readonly html: string | null
  readonly attachments: readonly Attachment[]
  readonly headers: Readonly<Record<string, string>>
  /** Everybody who gets it, each once. */
  readonly recipients: readonly { readonly address: string; readonly kind: RecipientKind }[]
}

/** What a message may be at most. */
export interface MessageLimits {
  readonly maxRecipients: number
  readonly maxAttachments: number
  readonly maxBytes: number
}

const MAX_TEXT_LENGTH = 1_000_000
const MAX_SUBJECT_LENGTH = 500

/**
 * The message that can be sent.
 *
 * @param pointer JSON pointer of the message within what the caller sent; it begins the pointers of all faults
 * @throws StoaError `mail_invalid` with the fields at fault, up to 20
 */
export function checkedMail(input: MailInput, limits: MessageLimits, pointer: string): CheckedMail {
  const faults = new Faults()
  const mailbox = (at: string, value: AddressInput | undefined) => (value === undefined ? null : one(faults, at, value))
  const receivers = everybody(faults, input, limits.maxRecipients)
  const html = input.html === undefined ? null : faults.text('/html', String(input.html), MAX_TEXT_LENGTH, 'lines')
  const subject = faults.text('/subject', input.subject, MAX_SUBJECT_LENGTH, 'one line')
  if (input.subject === '') faults.add('/subject', 'required', 'must not be empty')
  const text =
    input.text === undefined ? textOf(html ?? '') : faults.text('/text', input.text, MAX_TEXT_LENGTH, 'lines')
  if (input.text === undefined && html === null) faults.add('/text', 'required', 'text or html is needed')
  const checked = {
    ...receivers,
    from: mailbox('/from', input.from),
    replyTo: mailbox('/replyTo', input.replyTo),
    subject,
    text,
    html,
    attachments: checkedAttachments(faults, input.attachments ?? [], limits),
    headers: checkedHeaders(faults, input),
  }
  refuseFaults(faults, pointer)
  return checked
}

/** @throws StoaError `mail_invalid`, or another one, when there are any */
export function refuseFaults({ fields }: Faults, pointer: string, error: ErrorSpec = mailErrors.mail_invalid): void {
  if (fields.length === 0) return
  throw new StoaError(error, {
    fields: fields.map((field) => ({ ...field, pointer: `${pointer}${field.pointer}` })),
  })
}

function everybody(faults: Faults, input: MailInput, max: number): Pick<CheckedMail, 'to' | 'cc' | 'recipients'> {
  const none = { to: [], cc: [], recipients: [] }
  const kinds = ['to', 'cc', 'bcc'] as const
  const lists = kinds.map((kind) => ({ kind, given: input[kind] ?? [] }))
  for (const { kind, given } of lists) {
    if (!Array.isArray(given)) faults.add(`/${kind}`, 'wrong_type', 'must be a list of addresses')
  }
  const count = lists.reduce((sum, { given }) => sum + (given.length ?? 0), 0)
  if (count === 0) faults.add('/to', 'required', 'nobody would get this message')
  // Counted before they are looked at: ten thousand are refused as fast as fifty-one.
  if (count > max) faults.add('/to', 'too_many', `a message has at most ${max} receivers in all (this has ${count})`)
  if (faults.fields.length > 0) return none
  const seen = new Map<string, { address: string; kind: RecipientKind }>()
  const boxes: Record<RecipientKind, Mailbox[]> = { to: [], cc: [], bcc: [] }
  for (const { kind, given } of lists) {
    for (const [index, value] of given.entries()) {
      const box = one(faults, `/${kind}/${index}`, value)
      if (box === null) continue
      const key = sameAddressAs(box.address)
      if (seen.has(key)) continue
      seen.set(key, { address: box.address, kind })
      boxes[kind].push(box)
    }
  }
  return { to: boxes.to, cc: boxes.cc, recipients: [...seen.values()] }
}

function one(faults: Faults, pointer: string, value: AddressInput): Mailbox | null {
  const box = mailboxOf(value)
  if (isMailbox(box)) return box
  faults.add(pointer, box.code, box.message)
  return null
}
