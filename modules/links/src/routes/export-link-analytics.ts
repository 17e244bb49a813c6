import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { Analytics } from '../analytics/analytics.ts'
import { LinkAnalyticsQuery } from '../analytics/analytics-schema.ts'
import { CSV, csvLine } from '../bulk/csv.ts'
import { LinkParams } from '../schema.ts'
import { analyticsInput } from './analytics-query.ts'

/** `GET /api/v1/links/{id}/analytics/export` */
export function exportLinkAnalytics(analytics: Analytics) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/links/:id/analytics/export',
    operationId: 'exportLinkAnalytics',
    tags: ['Link analytics'],
    summary: 'Get the clicks of a link as CSV',
    description:
      'The series; or, when breakdowns are asked for, these. A text that a spreadsheet would take for a formula gets an apostrophe in front.',
    permission: 'links:read',
    resource: { kind: 'link', param: 'id' },
    errors: ['link_not_found', 'series_too_long'],
    schema: {
      params: LinkParams,
      querystring: LinkAnalyticsQuery,
      response: {
        200: { description: 'A line for each point or value.', content: { [CSV]: { schema: Type.String() } } },
      },
    },
    async handler(ctx, { params, query }, reply) {
      const { breakdowns, series } = await analytics.ofLink(ctx, params.id, analyticsInput(query))
      reply.type(`${CSV}; charset=utf-8`)
      reply.header('content-disposition', `attachment; filename="clicks-${params.id}.csv"`)
      const lines =
        breakdowns.length === 0
          ? [csvLine(['at', ...counts]), ...series.map((point) => csvLine([point.at, ...numbers(point)]))]
          : [csvLine(['by', 'value', ...counts]), ...breakdowns.flatMap(linesOf)]
      return lines.join('')
    },
  })
}

const counts = ['clicks', 'bots', 'visitors'] as const
type Counts = Readonly<Record<(typeof counts)[number], number>>

function numbers(count: Counts): number[] {
  return counts.map((name) => count[name])
}

function linesOf({
  by,
  other,
  unknown,
  values,
}: {
  readonly by: string
  readonly values: readonly (Counts & { readonly value: string })[]
  readonly other: Counts
  readonly unknown: Counts
}): string[] {
  const rest = [
    ['(other)', other],
    ['(unknown)', unknown],
  ] as const
  return [
    ...values.map((count) => csvLine([by, count.value, ...numbers(count)])),
    ...rest.map(([name, count]) => csvLine([by, name, ...numbers(count)])),
  ]
}
