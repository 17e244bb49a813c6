import { defineRoute } from '@stoa/http'
import { MailSuppression, NewMailSuppression } from '../schema.ts'
import type { Suppressions } from '../suppressions.ts'

/** `POST /api/v1/mail/suppressions` */
export function addMailSuppression(suppressions: Suppressions) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/mail/suppressions',
    operationId: 'addMailSuppression',
    tags: ['Mail'],
    summary: 'Send nothing to an address any more',
    description: 'What is on its way arrives.',
    permission: 'mail:configure',
    errors: ['mail_invalid', 'mail_suppression_exists'],
    schema: { body: NewMailSuppression, response: { 201: MailSuppression } },
    handler: (ctx, { body }) => suppressions.addSuppression(ctx, body),
  })
}
