import { defineRoute, type RateLimit } from '@stoa/http'
import { isError, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { linkErrors } from '../errors.ts'
import { pagePolicy, wantsPage } from '../redirect/redirect-page.ts'
import { reportPage, thanksPage } from '../safety/report-page.ts'
import { ADDRESS_MAX, NewReport } from '../safety/report-schema.ts'
import type { Reports } from '../safety/reports.ts'

const page = (description: string) => ({ description, content: { 'text/html': { schema: Type.String() } } })

/** `GET /l/report`: no code is this word. */
export function showReportForm() {
  return defineRoute({
    method: 'GET',
    url: '/l/report',
    operationId: 'showReportForm',
    tags: ['Redirect'],
    summary: 'The page where a short link is reported',
    description: 'On the short host too. `?link=` fills the address in.',
    permission: null,
    schema: {
      querystring: Type.Object({ link: Type.Optional(Type.String({ maxLength: ADDRESS_MAX })) }),
      response: { 200: page('A form.') },
    },
    handler: (_ctx, { query }, reply) => send(reply, 200, reportPage(query.link ?? '', false)),
  })
}

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
      response: { 200: page('The report has been taken in.'), 404: page('There is no such link.') },
    },
    async handler(ctx, { body, headers }, reply) {
      try {
        await reports.file(ctx, body)
      } catch (refusal) {
        const isUnknown = refusal instanceof StoaError && isError(refusal, linkErrors.link_not_found)
        if (!isUnknown || !wantsPage(String(headers.accept ?? ''))) throw refusal
        return send(reply, 404, reportPage(body.link, true))
      }
      return send(reply, 200, thanksPage())
    },
  })
}

interface Reply {
  code(status: number): unknown
  header(name: string, value: string): unknown
  type(mediaType: string): unknown
}

function send(reply: Reply, status: number, html: string): string {
  reply.code(status)
  reply.type('text/html; charset=utf-8')
  reply.header('cache-control', 'no-store')
  reply.header('content-security-policy', pagePolicy)
  return html
}
