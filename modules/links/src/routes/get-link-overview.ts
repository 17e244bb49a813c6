import { defineRoute } from '@stoa/http'
import type { Analytics } from '../analytics/analytics.ts'
import { LinkAnalyticsOverview, OverviewQuery } from '../analytics/analytics-schema.ts'
import { analyticsInput } from './analytics-query.ts'

/** `GET /api/v1/link-analytics` */
export function getLinkOverview(analytics: Analytics) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-analytics',
    operationId: 'getLinkOverview',
    tags: ['Link analytics'],
    summary: 'Analyse the clicks of all links',
    description:
      'As for one link, over all links of the tenant; also by link: `by=link`. As it happens: the channel `link-clicks`.',
    permission: 'links:read',
    errors: ['series_too_long'],
    schema: { querystring: OverviewQuery, response: { 200: LinkAnalyticsOverview } },
    handler: (ctx, { query }) => analytics.overview(ctx, analyticsInput(query)),
  })
}
