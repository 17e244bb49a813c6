import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { MailSuppressionRemoval } from '../schema.ts'
import type { Suppressions } from '../suppressions.ts'

/** `POST /api/v1/mail/suppressions/removal` */
export function removeMailSuppression(suppressions: Suppressions) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/mail/suppressions/removal',
    operationId: 'removeMailSuppression',
    tags: ['Mail'],
    summary: 'Send mail to an address again',
    description:
      'Of one that is not on the list, nothing is changed. Who has complained will do so again, and providers count that.',
    permission: 'mail:configure',
    schema: { body: MailSuppressionRemoval, response: { 204: Type.Null() } },
    async handler(ctx, { body }) {
      await suppressions.removeSuppression(ctx, body)
      return null
    },
  })
}
