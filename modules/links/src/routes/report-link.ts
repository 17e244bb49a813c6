import { defineRoute, type RateLimit } from '@stoa/http'
import { isError, StoaError } from '@stoa/kernel'
import { linkErrors } from '../errors.ts'
import { wantsPage } from '../redirect/redirect-page.ts'
import { html } from '../redirect/visit-answer.ts'
import { reportPage, sendReportPage, thanksPage } from '../safety/report-page.ts'
import { NewReport } from '../safety/report-schema.ts'
import type { Reports } from '../safety/reports.ts'

/** `POST /l/report` @param rateLimit of one address */
export function reportLink(reports: Reports, rateLimit: RateLimit) {
  return defineRoute({
    method: 'POST',
    url: '/l/report',
    operationId: 'reportLink',
    tags: ['Redirect'],
    summary: 'Report a short link',
    description:
      'What the form of the page sends; anybody may. Ten at once and one more every 30 seconds per address. The administrators of the organisation whose link it is see it.',
    permission: null,
    formBody: true,
    bodyLimitBytes: 16_384,
    rateLimit,
    errors: ['link_not_found'],
    schema: {
      body: NewReport,
      response: { 200: html('The report has been taken in.'), 404: html('There is no such link.') },
    },
    async handler(ctx, { body, headers }, reply) {
      try {
        await reports.file(ctx, body)
      } catch (refusal) {
        const isUnknown = refusal instanceof StoaError && isError(refusal, linkErrors.link_not_found)
        if (!isUnknown || !wantsPage(String(headers.accept ?? ''))) throw refusal
        return sendReportPage(reply, 404, reportPage(body.link, true))
      }
      return sendReportPage(reply, 200, thanksPage())
    },
  })
}
