import { defineRoute, PageOf } from '@stoa/http'
import { LinkReport, ReportQuery } from '../safety/report-schema.ts'
import type { Reports } from '../safety/reports.ts'

/** `GET /api/v1/link-reports` */
export function listLinkReports(reports: Reports) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-reports',
    operationId: 'listLinkReports',
    tags: ['Link safety'],
    summary: 'List what was reported of links',
    description: 'The newest first. A link has at most 20 open reports; those that come after are not kept.',
    permission: 'links:moderate',
    list: { sorts: ['-createdAt'], defaultSort: '-createdAt' },
    schema: { querystring: ReportQuery, response: { 200: PageOf(LinkReport) } },
    async handler(ctx, { page, query }) {
      const rows = await reports.list(ctx, {
        ...query,
        ...(page.after && { after: { at: String(page.after[0]), id: String(page.after[1]) } }),
        limit: page.limit + 1,
      })
      return page.of(rows, ({ createdAt, id }) => [createdAt, id])
    },
  })
}
