import { defineRoute } from '@stoa/http'
import type { PersonalData } from '../people/personal-data.ts'
import { ExportedData } from '../schema.ts'
import { challenged } from '../sign-in/fresh-proof.ts'

/** `GET /api/v1/me/export` */
export function exportMyData(personalData: PersonalData) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/me/export',
    operationId: 'exportMyData',
    tags: ['Me'],
    summary: 'Get all that is kept about you',
    description:
      'In every organisation that you belong to, without secrets: of the account all, names of keys and service accounts that you made, of the journal the newest 2,000 events about you and by you of each organisation. `notIncluded` says what is missing. By an access token of a sign-in that is younger than ten minutes (ask for `max_age=600`), not by a key.',
    permission: 'identity:self',
    rateLimit: { capacity: 5, refillPerSecond: 0.01 },
    errors: ['person_required', 'proof_required', 'person_not_found'],
    schema: { response: { 200: ExportedData } },
    handler: async (ctx, _request, reply) => (await challenged(reply, personalData.ofSelf(ctx))) as never,
  })
}
