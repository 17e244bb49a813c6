import type { Database, Tx } from '@stoa/db'
import { type Ctx, type OptionsInput, objectOption, optionalObject, resolveOptions } from '@stoa/kernel'
import { type AddressInput, isMailbox, mailboxOf } from './address.ts'
import type { MailState, RecipientState } from './message-store.ts'
import { type DkimInput, ownDkimKey } from './sender.ts'
import type { MailTransport } from './transport.ts'

/** What {@link createMail} stands on. */
export interface MailDeps {
  /** Its schema has {@link mailMigrations}. */
  readonly db: Database
  /** Closed by whoever made it. */
  readonly transport: MailTransport
  /** Seals what is secret in the database (DKIM keys). 32 bytes; the same on every node and across restarts. */
  readonly key: Buffer
  /**
   * Told of every change that a message comes to, in the transaction that writes it: for an event in the same commit.
   * It runs again when the transaction does. Default: nobody.
   */
  readonly record?: ((ctx: Ctx, tx: Tx, change: MailChange) => void) | undefined
}

/** What a message has come to. */
export interface MailChange {
  readonly id: string
  readonly state: MailState
  /** Whose outcome this is. */
  readonly recipients: readonly { readonly address: string; readonly state: RecipientState }[]
}

const OPTIONS = {
  /** Whom mail is from when a tenant has no sender of its own: an address, or one with a name. */
  from: objectOption<{ readonly address: string; readonly name?: string }>(),
  /** Where bounces go (the envelope's sender). Default: the address that the message is from. */
  returnPath: { type: 'string', minLength: 3, optional: true },
  /** Signs mail that is from `from`, with a key that is brought. Default: none, and such mail is not signed. */
  dkim: optionalObject<Required<DkimInput>>(),
  /** Receivers of one message, to, cc and bcc together. The engine may take fewer. 1–1 000. Default 50. */
  maxRecipients: { type: 'integer', min: 1, max: 1_000, default: 50 },
  /** 0–100. Default 20. */
  maxAttachments: { type: 'integer', min: 0, max: 100, default: 20 },
  /**
   * A message as it is sent, in bytes: attachments grow by 37 % on the way. Few servers take more than 25 MB.
   * 10 000–28 000 000. Default 10 485 760 (10 MiB).
   */
  maxBytes: { type: 'integer', min: 10_000, max: 28_000_000, default: 10_485_760 },
} as const

/** Options of {@link createMail}. */
export type MailOptions = Omit<OptionsInput<typeof OPTIONS>, 'from'> & { readonly from: AddressInput }

/** What the verbs of mail work with. */
export type MailGround = ReturnType<typeof mailGround>

/** @throws StoaError `invalid_options`; TypeError for a key that is no key */
export function mailGround({ from: given, ...input }: MailOptions, deps: MailDeps) {
  const from = mailboxOf(given)
  const back = input.returnPath === undefined ? null : mailboxOf(input.returnPath)
  const key = input.dkim === undefined || !isMailbox(from) ? null : ownDkimKey(input.dkim, from.address)
  const options = resolveOptions(
    OPTIONS,
    { ...input, from: typeof given === 'string' ? { address: given } : given } as OptionsInput<typeof OPTIONS>,
    {
      name: 'createMail',
      relations: [
        () => (isMailbox(from) ? null : `from ${from.message}`),
        () => (back === null || isMailbox(back) ? null : `returnPath ${back.message}`),
        () => (typeof key === 'string' ? key : null),
      ],
    },
  )
  if (deps.key.length !== 32) throw new TypeError('createMail: the key must have 32 bytes')
  if (!isMailbox(from) || (back !== null && !isMailbox(back)) || typeof key === 'string')
    throw new TypeError('createMail: no address')
  const { transport } = deps
  return Object.freeze({
    ...deps,
    from,
    returnPath: back?.address ?? null,
    dkim: key,
    limits: {
      maxRecipients: Math.min(options.maxRecipients, transport.maxRecipients),
      maxAttachments: options.maxAttachments,
      maxBytes: Math.min(options.maxBytes, transport.maxBytes),
    },
  })
}
