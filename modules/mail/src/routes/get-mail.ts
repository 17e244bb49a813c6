import { defineRoute, IdParams } from '@stoa/http'
import type { Mail } from '@stoa/mail'
import { MailMessage } from '../schema.ts'

/** `GET /api/v1/mail/messages/{id}` */
export function getMail(mail: Pick<Mail, 'message'>) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/mail/messages/:id',
    operationId: 'getMail',
    tags: ['Mail'],
    summary: 'Get a message of the outbox',
    description: 'With everybody who gets it, and what became of each. Its id is that of the task that sends it.',
    permission: 'mail:read',
    errors: ['mail_not_found'],
    schema: { params: IdParams, response: { 200: MailMessage } },
    async handler(ctx, { params }) {
      const message = await mail.message(ctx, params.id)
      return { ...message, recipients: [...message.recipients] }
    },
  })
}
