import { defineRoute, IdParams } from '@stoa/http'
import type { Mail } from '@stoa/mail'
import { Type } from 'typebox'

/** `GET /api/v1/mail/messages/{id}/content` */
export function getMailContent(mail: Pick<Mail, 'content'>) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/mail/messages/:id/content',
    operationId: 'getMailContent',
    tags: ['Mail'],
    summary: 'Get a message as it is sent',
    description: 'In MIME (RFC 5322), as it was composed: without hidden receivers, and without a signature.',
    permission: 'mail:read',
    errors: ['mail_not_found', 'mail_confidential'],
    schema: {
      params: IdParams,
      response: {
        200: { description: 'The message.', content: { 'message/rfc822': { schema: Type.String() } } },
      },
    },
    async handler(ctx, { params }, reply) {
      const content = await mail.content(ctx, params.id)
      reply.type('message/rfc822')
      reply.header('content-disposition', `attachment; filename="${params.id}.eml"`)
      return content
    },
  })
}
