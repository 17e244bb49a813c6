import { defineRoute, PageOf } from '@stoa/http'
import type { Mail } from '@stoa/mail'
import { MailQuery, MailSummary } from '../schema.ts'

/** `GET /api/v1/mail/messages` */
export function listMail(mail: Pick<Mail, 'messages'>) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/mail/messages',
    operationId: 'listMail',
    tags: ['Mail'],
    summary: 'List the messages of the outbox',
    description: 'The newest first; by their state, or by who gets them.',
    permission: 'mail:read',
    list: { sorts: ['-createdAt'] },
    schema: { querystring: MailQuery, response: { 200: PageOf(MailSummary) } },
    async handler(ctx, { page, query }) {
      const cursor = page.after === null ? undefined : String(page.after[0])
      const { messages, nextCursor } = await mail.messages(ctx, { ...query, cursor, limit: page.limit })
      return page.upTo([...messages], nextCursor === null ? null : [nextCursor])
    },
  })
}
