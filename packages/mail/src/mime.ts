/*
 * A message as bytes (RFC 5322, MIME), by nodemailer. It is made once, when it is composed: every attempt sends the
 * same, whatever has changed since. What is signed is signed when it leaves, by the key that the domain has then.
 */
import type { Mailbox } from './address.ts'
import type { CheckedMail } from './message.ts'

/** What a message is besides what its composer said. */
export interface MimeIdentity {
  readonly from: Mailbox
  readonly replyTo: Mailbox | null
  /** With its angle brackets. */
  readonly messageId: string
  readonly date: Date
}

/** The bytes of a message. Hidden receivers are not in them. */
export async function mimeOf(mail: CheckedMail, { from, replyTo, messageId, date }: MimeIdentity): Promise<Buffer> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer')
  const composer = new MailComposer({
    from: named(from),
    to: mail.to.map(named),
    cc: mail.cc.map(named),
    ...(replyTo && { replyTo: named(replyTo) }),
    subject: mail.subject,
    text: mail.text,
    ...(mail.html !== null && { html: mail.html }),
    attachments: mail.attachments.map(({ filename, content, contentType, cid }) => ({
      filename,
      content,
      ...(contentType !== null && { contentType }),
      ...(cid !== null && { cid, contentDisposition: 'inline' }),
    })),
    headers: { ...mail.headers },
    messageId,
    date,
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return await composer.compile().build()
}

function named({ address, name }: Mailbox): { address: string; name: string } {
  return { address, name: name ?? '' }
}

/** A key to sign with. */
export interface DkimKey {
  readonly domain: string
  readonly selector: string
  /** PEM. */
  readonly privateKey: string
}

/** All of RFC 6376, 5.4.1, and what RFC 8058 wants. */
const SIGNED =
  'From:Sender:Reply-To:Subject:Date:Message-ID:To:Cc:MIME-Version:Content-Type:Content-Transfer-Encoding:' +
  'In-Reply-To:References:List-Id:List-Unsubscribe:List-Unsubscribe-Post'

/**
 * The message with a DKIM signature above it (RFC 6376).
 *
 * @param except header fields that somebody replaces on the way: a signature over them would break
 */
export async function signed(content: Buffer, key: DkimKey, except: readonly string[]): Promise<Buffer> {
  const { default: Dkim } = await import('nodemailer/lib/dkim')
  const signer = new Dkim({
    domainName: key.domain,
    keySelector: key.selector,
    privateKey: key.privateKey,
    headerFieldNames: SIGNED,
    skipFields: except.join(':'),
  })
  const chunks: Buffer[] = []
  for await (const chunk of signer.sign(content)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
