import { StoaError } from '@stoa/kernel'
import { type MailInput, mailErrors } from '@stoa/mail'
import type { Static } from 'typebox'
import type { NewMail } from './schema.ts'

type Attachments = NonNullable<Static<typeof NewMail>['attachments']>

/**
 * The message that a caller means.
 *
 * @throws StoaError `mail_invalid` for an attachment that is not base64
 */
export function messageOf({ attachments = [], ...message }: Static<typeof NewMail>): MailInput {
  return { ...message, attachments: attachments.map(attachmentOf) }
}

function attachmentOf({ content, encoding = 'base64', ...rest }: Attachments[number], index: number) {
  if (encoding === 'text') return { ...rest, content }
  const bytes = Buffer.from(content, 'base64')
  // Node skips what is no base64; here that would be another file than the one that was meant.
  if (bytes.toString('base64') === content) return { ...rest, content: bytes }
  throw new StoaError(mailErrors.mail_invalid, {
    fields: [
      {
        pointer: `/input/attachments/${index}/content`,
        code: 'not_base64',
        message: 'must be base64 with its padding (RFC 4648, 4), on one line',
      },
    ],
  })
}
