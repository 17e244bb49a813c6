import { cameBy, defineRoute, PageOf, wantsFresh } from '@stoa/http'
import type { Links } from '../links.ts'
import { Link, LinkQuery } from '../schema.ts'
import { linkFilter } from './link-filter.ts'

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
    schema: { querystring: LinkQuery, response: { 200: PageOf(Link) } },
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
      return page.of(rows, (link) => [link[sort], link.id])
    },
  })
}
