import { defineRoute } from '@stoa/http'
import type { Analytics } from '../analytics/analytics.ts'
import { LinkAnalytics, LinkAnalyticsQuery } from '../analytics/analytics-schema.ts'
import { LinkParams } from '../schema.ts'
import { analyticsInput } from './analytics-query.ts'

/** `GET /api/v1/links/{id}/analytics` */
export function getLinkAnalytics(analytics: Analytics) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/links/:id/analytics',
    operationId: 'getLinkAnalytics',
    tags: ['Link analytics'],
    summary: 'Analyse the clicks of a link',
    description:
      'A series in any time zone, and breakdowns: by country, region, city, device, browser, system, language, referrer, and kind of program. The parts add up to the total. As it happens: the channel `link-clicks:{id}`.',
    permission: 'links:read',
    resource: { kind: 'link', param: 'id' },
    errors: ['link_not_found', 'series_too_long'],
    schema: { params: LinkParams, querystring: LinkAnalyticsQuery, response: { 200: LinkAnalytics } },
    handler: (ctx, { params, query }) => analytics.ofLink(ctx, params.id, analyticsInput(query)),
  })
}
