import { Readable } from 'node:stream'
import { defineRoute } from '@stoa/http'
import type { Ctx } from '@stoa/kernel'
import { Type } from 'typebox'
import { CSV } from '../bulk/csv.ts'
import { linkHeader, linkLine } from '../bulk/link-csv.ts'
import type { Links } from '../links.ts'
import { LinkQuery } from '../schema.ts'
import { linkFilter } from './link-filter.ts'

const PAGE = 500

/** `GET /api/v1/links/export` */
export function exportLinks(links: Links) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/links/export',
    operationId: 'exportLinks',
    tags: ['Links'],
    summary: 'Get links as CSV',
    description:
      'The oldest first, with the filters of the list. The file is sent as it is read, and can be sent back to the task `links.import_csv`. A text that a spreadsheet would take for a formula gets an apostrophe in front.',
    permission: 'links:read',
    rateLimit: { capacity: 100, refillPerSecond: 1 },
    schema: {
      querystring: LinkQuery,
      response: { 200: { description: 'A line for each link.', content: { [CSV]: { schema: Type.String() } } } },
    },
    async handler(ctx, { query }, reply) {
      const filter = linkFilter(query)
      // The first page is read before the answer begins: what goes wrong there is told as a problem.
      const lines = linesOf(links, ctx, filter)
      const first = await lines.next()
      reply.type(`${CSV}; charset=utf-8`)
      reply.header('content-disposition', 'attachment; filename="links.csv"')
      return Readable.from(joined(first.value ?? '', lines), { objectMode: false })
    },
  })
}

async function* joined(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first
  yield* rest
}

async function* linesOf(links: Links, ctx: Ctx, filter: ReturnType<typeof linkFilter>): AsyncGenerator<string, string> {
  let text = linkHeader()
  let after: { at: string; id: string } | undefined
  for (;;) {
    const { value: page } = await links.linkList(ctx, {
      ...filter,
      ...(after && { after }),
      sort: 'createdAt',
      descending: false,
      limit: PAGE,
      fresh: true,
    })
    text += page.map(linkLine).join('')
    const last = page.at(-1)
    if (page.length < PAGE || last === undefined) {
      yield text
      return ''
    }
    yield text
    text = ''
    after = { at: last.createdAt, id: last.id }
  }
}
