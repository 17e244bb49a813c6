import { defineRoute } from '@stoa/http'
import type { Links } from '../links.ts'
import { LinkClicks, LinkClicksQuery, LinkParams } from '../schema.ts'
import { queryTime } from './query-time.ts'

/** `GET /api/v1/links/{id}/clicks` */
export function getLinkClicks(links: Links) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/links/:id/clicks',
    operationId: 'getLinkClicks',
    tags: ['Links'],
    summary: 'Count the clicks of a link',
    description:
      'The total, and a series with a point for every hour or day (UTC), empty ones included. A click is in it a moment after it was made: clicks are written together, ten times a second.',
    permission: 'links:read',
    resource: { kind: 'link', param: 'id' },
    errors: ['link_not_found', 'series_too_long'],
    schema: { params: LinkParams, querystring: LinkClicksQuery, response: { 200: LinkClicks } },
    handler(ctx, { params, query }) {
      return links.linkClicks(ctx, {
        id: params.id,
        unit: query.unit,
        from: queryTime('from', query.from),
        to: queryTime('to', query.to),
      })
    },
  })
}
