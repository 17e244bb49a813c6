import { defineRoute, PageOf } from '@stoa/http'
import type { Mail } from '@stoa/mail'
import { MailSuppression, MailSuppressionQuery } from '../schema.ts'

/** `GET /api/v1/mail/suppressions` */
export function listMailSuppressions(mail: Pick<Mail, 'suppressions' | 'suppression'>) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/mail/suppressions',
    operationId: 'listMailSuppressions',
    tags: ['Mail'],
    summary: 'List whom nothing is sent to',
    description: 'Those who bounced for good or complained, and those who were added.',
    permission: 'mail:read',
    list: { sorts: ['address'] },
    schema: { querystring: MailSuppressionQuery, response: { 200: PageOf(MailSuppression) } },
    async handler(ctx, { page, query }) {
      if (query.address !== undefined) {
        const found = await mail.suppression(ctx, query.address)
        return page.upTo(found === null ? [] : [found], null)
      }
      const cursor = page.after === null ? {} : { cursor: String(page.after[0]) }
      const { nextCursor, suppressions } = await mail.suppressions(ctx, { ...cursor, limit: page.limit })
      return page.upTo([...suppressions], nextCursor === null ? null : [nextCursor])
    },
  })
}
