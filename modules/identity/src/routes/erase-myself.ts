import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { PersonalData } from '../people/personal-data.ts'
import { challenged } from '../sign-in/fresh-proof.ts'

/** `DELETE /api/v1/me` */
export function eraseMyself(personalData: PersonalData) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/me',
    operationId: 'eraseMyself',
    tags: ['Me'],
    summary: 'Erase yourself',
    description:
      'Your account and all that is yours alone, in every organisation, for good; the journal keeps your id. By an access token of a sign-in that is younger than ten minutes (ask for `max_age=600`), not by a key. The last owner of an organisation stays: make somebody else an owner first.',
    permission: 'identity:self',
    // People are not the tenant's: they are erased in a transaction of the system's own.
    waits: true,
    errors: ['person_required', 'proof_required', 'last_owner'],
    schema: { response: { 204: Type.Null() } },
    async handler(ctx, _request, reply) {
      await challenged(reply, personalData.eraseSelf(ctx))
      return null
    },
  })
}
