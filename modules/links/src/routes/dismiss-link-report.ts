import { defineRoute } from '@stoa/http'
import { LinkReport } from '../safety/report-schema.ts'
import type { Reports } from '../safety/reports.ts'
import { LinkParams } from '../schema.ts'

/** `POST /api/v1/link-reports/{id}/dismissal` */
export function dismissLinkReport(reports: Reports) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/link-reports/:id/dismissal',
    operationId: 'dismissLinkReport',
    tags: ['Link safety'],
    summary: 'Dismiss a report',
    description: 'Nothing is to be done about the link. A report that was settled already stays as it is.',
    permission: 'links:moderate',
    errors: ['link_report_not_found'],
    schema: { params: LinkParams, response: { 200: LinkReport } },
    handler: (ctx, { params }) => reports.dismiss(ctx, params),
  })
}
