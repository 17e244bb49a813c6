import { defineRoute, IdParams } from '@stoa/http'
import { StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { identityErrors } from '../errors.ts'
import type { Applications } from '../openid/applications.ts'
import { personOf } from './person-of.ts'

/** `DELETE /api/v1/me/applications/{id}` */
export function withdrawMyApplication(applications: Applications) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/me/applications/:id',
    operationId: 'withdrawMyApplication',
    tags: ['Me'],
    summary: 'Take back what you have allowed an application',
    description:
      'All that it was given for you in this organisation holds no longer, in every session: refresh tokens, access tokens, sign-ins. It is told, where it has an address for that, and asks again the next time. What the organisation has let in for everybody is not yours to take back (409), but for your account and for acting while you are away, where you have allowed these (`ownScopes`).',
    permission: 'identity:self',
    // What access tokens are refused is no tenant's: it is written in a transaction of the system's own.
    waits: true,
    errors: ['application_not_found', 'application_of_organisation'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      const id = personOf(ctx)
      if (id === null) throw new StoaError(identityErrors.application_not_found)
      await applications.withdraw(ctx, id, params.id)
      return null
    },
  })
}
