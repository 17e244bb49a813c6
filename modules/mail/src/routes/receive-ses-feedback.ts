import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { SesFeedback } from '../ses-feedback.ts'

/** SNS sends up to 256 KiB, and JSON in JSON needs room. */
const MAX_BODY_BYTES = 1_048_576

/** `POST /api/v1/mail/feedback/ses` */
export function receiveSesFeedback(feedback: SesFeedback) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/mail/feedback/ses',
    operationId: 'receiveSesFeedback',
    tags: ['Mail'],
    summary: 'Take in bounces and complaints of SES',
    description:
      'For Amazon SNS, whose signature is checked: messages of topics that are not expected here are refused, which are all of them until the installation names some. Subscriptions are confirmed. The same message again changes nothing.',
    permission: null,
    // All of Amazon comes from few addresses.
    rateLimit: { capacity: 2_000, refillPerSecond: 500 },
    bodyLimitBytes: MAX_BODY_BYTES,
    textBody: true,
    errors: ['mail_feedback_refused', 'unavailable'],
    schema: {
      body: Type.String({ minLength: 1, maxLength: MAX_BODY_BYTES, description: 'A message of SNS.' }),
      response: { 204: Type.Null() },
    },
    async handler(ctx, { body }) {
      await feedback.receive(ctx, body)
      return null
    },
  })
}
