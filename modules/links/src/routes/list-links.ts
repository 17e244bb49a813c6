import { cameBy, defineRoute, PageOf, wantsFresh } from '@stoa/http'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { LinkQuery, ListedLink } from '../schema.ts'
import { linkFilter } from './link-filter.ts'

const Query = Type.Object({
  ...LinkQuery.properties,
  counts: Type.Optional(
    Type.Boolean({ description: 'Whether to tell of each link how often it was followed. Default: false.' }),
  ),
})

const NEVER = { clicks: 0, bots: 0 }

/** `GET /api/v1/links` */
export function listLinks(links: Links) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/links',
    operationId: 'listLinks',
    tags: ['Links'],
    summary: 'List links',
    description: 'Filters are combined: a link is listed when all of them hold.',
    permission: 'links:read',
    cached: true,
    list: { sorts: ['createdAt', '-createdAt', 'updatedAt', '-updatedAt'], defaultSort: '-createdAt' },
    schema: { querystring: Query, response: { 200: PageOf(ListedLink) } },
    async handler(ctx, { headers, page, query }, reply) {
      const sort = page.sort.endsWith('updatedAt') ? 'updatedAt' : 'createdAt'
      const { outcome, value: rows } = await links.linkList(ctx, {
        ...linkFilter(query),
        ...(page.after && { after: { at: String(page.after[0]), id: String(page.after[1]) } }),
        sort,
        descending: page.sort.startsWith('-'),
        limit: page.limit + 1,
        fresh: wantsFresh(headers),
      })
      cameBy(reply, outcome)
      const { data, nextCursor } = page.of(rows, (link) => [link[sort], link.id])
      if (!query.counts) return { data, nextCursor }
      const totals = await links.linkTotals(
        ctx,
        data.map(({ id }) => id),
      )
      return { data: data.map((link) => ({ ...link, total: totals.get(link.id) ?? NEVER })), nextCursor }
    },
  })
}
