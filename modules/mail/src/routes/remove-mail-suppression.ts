import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { SuppressionParams } from '../schema.ts'
import type { Suppressions } from '../suppressions.ts'

/** `DELETE /api/v1/mail/suppressions/{address}` */
export function removeMailSuppression(suppressions: Suppressions) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/mail/suppressions/:address',
    operationId: 'removeMailSuppression',
    tags: ['Mail'],
    summary: 'Send mail to an address again',
    description: 'Who has complained will do so again, and providers count that.',
    permission: 'mail:configure',
    errors: ['mail_suppression_not_found'],
    schema: { params: SuppressionParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await suppressions.removeSuppression(ctx, params.address)
      return null
    },
  })
}
