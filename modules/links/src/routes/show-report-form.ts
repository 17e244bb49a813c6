import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { html } from '../redirect/visit-answer.ts'
import { reportPage, sendReportPage } from '../safety/report-page.ts'
import { ADDRESS_MAX } from '../safety/report-schema.ts'

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
      response: { 200: html('A form.') },
    },
    handler: (_ctx, { query }, reply) => sendReportPage(reply, 200, reportPage(query.link ?? '', false)),
  })
}
