import { defineRoute } from '@stoa/http'
import type { Links } from '../links.ts'
import { LinkSimulation, SimulatedVisit } from '../redirect/routing-schema.ts'
import { LinkParams } from '../schema.ts'

/** `POST /api/v1/links/{id}/simulation` */
export function simulateVisit(links: Links) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/links/:id/simulation',
    operationId: 'simulateVisit',
    tags: ['Links'],
    summary: 'Try out a visit',
    description:
      'Says where a visit would lead, which rule decides, and what became of each condition. Nothing is counted, and a maximum of visits is not looked at.',
    permission: 'links:read',
    resource: { kind: 'link', param: 'id' },
    errors: ['link_not_found'],
    schema: { params: LinkParams, body: SimulatedVisit, response: { 200: LinkSimulation } },
    handler: (ctx, { body, params }) => links.simulateVisit(ctx, { id: params.id, visit: body }),
  })
}
