import { defineRoute, etag } from '@stoa/http'
import { MailSender } from '../schema.ts'
import type { Senders } from '../senders.ts'

/** `GET /api/v1/mail/sender` */
export function getMailSender(senders: Senders) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/mail/sender',
    operationId: 'getMailSender',
    tags: ['Mail'],
    summary: 'See whom mail is from',
    description: "Without a sender of its own, the mail of a tenant is from the installation's address.",
    permission: 'mail:read',
    schema: { response: { 200: MailSender } },
    async handler(ctx, _request, reply) {
      const sender = await senders.sender(ctx)
      reply.header('etag', etag(sender.version))
      return sender
    },
  })
}
