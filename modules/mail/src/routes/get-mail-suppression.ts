import { defineRoute } from '@stoa/http'
import { MailSuppression, SuppressionParams } from '../schema.ts'
import type { Suppressions } from '../suppressions.ts'

/** `GET /api/v1/mail/suppressions/{address}` */
export function getMailSuppression(suppressions: Suppressions) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/mail/suppressions/:address',
    operationId: 'getMailSuppression',
    tags: ['Mail'],
    summary: 'See whether nothing is sent to an address',
    permission: 'mail:read',
    errors: ['mail_suppression_not_found'],
    schema: { params: SuppressionParams, response: { 200: MailSuppression } },
    handler: (ctx, { params }) => suppressions.suppression(ctx, params.address),
  })
}
