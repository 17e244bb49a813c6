import { defineRoute } from '@stoa/http'
import { StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import type { PersonalData } from '../people/personal-data.ts'
import { ExportedData } from '../schema.ts'
import { personOf } from './person-of.ts'

/** `GET /api/v1/me/export` */
export function exportMyData(personalData: PersonalData) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/me/export',
    operationId: 'exportMyData',
    tags: ['Me'],
    summary: 'Get all that is kept about you',
    description:
      'In every organisation that you belong to, without secrets: of the account all, names of keys and service accounts that you made, of the journal the newest 2,000 events about you and by you of each organisation. `notIncluded` says what is missing.',
    permission: 'identity:self',
    rateLimit: { capacity: 5, refillPerSecond: 0.01 },
    errors: ['person_required', 'person_not_found'],
    schema: { response: { 200: ExportedData } },
    async handler(ctx) {
      const id = personOf(ctx)
      if (id === null) throw new StoaError(identityErrors.person_required)
      return (await personalData.of(ctx, id)) as never
    },
  })
}
