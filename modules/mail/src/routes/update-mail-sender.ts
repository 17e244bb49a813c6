import { defineRoute, etag } from '@stoa/http'
import { MailSender, MailSenderChange } from '../schema.ts'
import type { Senders } from '../senders.ts'

const DESCRIPTION = `All of it: what is absent is not set. Where there is none yet, the version is 0.

The domain has to be proven by a TXT record, unless the installation does without (\`STOA_MAIL_SENDER_PROOF\`): the refusal says which one. The provider of mail has to know the
domain, too. With \`dkim\`, mail is signed; the answer has the record that goes into DNS for it.`

/** `PUT /api/v1/mail/sender` */
export function updateMailSender(senders: Senders) {
  return defineRoute({
    method: 'PUT',
    url: '/api/v1/mail/sender',
    operationId: 'updateMailSender',
    tags: ['Mail'],
    summary: 'Set whom mail is from',
    description: DESCRIPTION,
    permission: 'mail:configure',
    updates: 'if-match',
    errors: ['mail_sender_invalid', 'unavailable'],
    schema: { body: MailSenderChange, response: { 200: MailSender } },
    async handler(ctx, { body, ifMatch }, reply) {
      const sender = await senders.updateSender(ctx, body, ifMatch)
      reply.header('etag', etag(sender.version))
      return sender
    },
  })
}
