import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { Senders } from '../senders.ts'

/** `DELETE /api/v1/mail/sender` */
export function removeMailSender(senders: Senders) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/mail/sender',
    operationId: 'removeMailSender',
    tags: ['Mail'],
    summary: "Send mail from the installation's address again",
    description: 'The DKIM key goes with it. Without a sender of its own, nothing happens.',
    permission: 'mail:configure',
    updates: 'if-match-when-sent',
    schema: { response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch }) {
      await senders.removeSender(ctx, ifMatch)
      return null
    },
  })
}
