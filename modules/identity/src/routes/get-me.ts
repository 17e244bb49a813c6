import { defineRoute } from '@stoa/http'
import type { People } from '../people/people.ts'
import { Me } from '../schema.ts'
import { personOf } from './person-of.ts'

/** `GET /api/v1/me` */
export function getMe(people: People) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/me',
    operationId: 'getMe',
    tags: ['Me'],
    summary: 'Get who you are',
    description: 'The person behind the token or the key; null for a program that acts for nobody.',
    permission: 'identity:self',
    schema: { response: { 200: Me } },
    async handler(ctx) {
      const id = personOf(ctx)
      const { type, id: actorId } = ctx.actor
      const actor = { type, id: actorId }
      if (id === null) return { actor, person: null }
      const { createdAt, email, locale, name } = await people.byId(ctx, id)
      return { actor, person: { id, email, name, locale, createdAt } }
    },
  })
}
