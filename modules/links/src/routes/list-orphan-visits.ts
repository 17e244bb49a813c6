import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { Orphans } from '../analytics/orphans.ts'
import type { LinkDomains } from '../domains/link-domains.ts'
import { LinkParams } from '../schema.ts'
import { queryTime } from './query-time.ts'

const Query = Type.Object({
  from: Type.Optional(
    Type.String({ format: 'date-time', description: 'The first day (UTC). Default: 30 days ago. 90 days are kept.' }),
  ),
  top: Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'How many words.' }),
})

const OrphanVisits = Type.Object(
  {
    data: Type.Array(
      Type.Object(
        {
          word: Type.String({
            description: 'What was asked for: the first part of the path, up to 24 characters. `*`: all others.',
            examples: ['sprnig'],
          }),
          visits: Type.Integer({ minimum: 1 }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, title: 'OrphanVisits' },
)

/** `GET /api/v1/link-domains/{id}/orphan-visits` */
export function listOrphanVisits(domains: LinkDomains, orphans: Orphans) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-domains/:id/orphan-visits',
    operationId: 'listOrphanVisits',
    tags: ['Link domains'],
    summary: 'List what was asked for on a host and is not there',
    description:
      'The most frequent first, some seconds late. A scanner tries another word each time: 1,000 words of a day are kept, all others are one.',
    permission: 'links:read',
    errors: ['link_domain_not_found'],
    schema: { params: LinkParams, querystring: Query, response: { 200: OrphanVisits } },
    async handler(ctx, { params, query }) {
      const { id } = await domains.domainById(ctx, params)
      const found = await orphans.list(ctx, id, queryTime('from', query.from), query.top)
      return { data: found.map(({ visits, word }) => ({ word, visits })) }
    },
  })
}
