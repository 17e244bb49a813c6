import { defineRoute } from '@stoa/http'
import type { BulkLinks } from '../bulk/bulk.ts'
import { BULK_BYTES, BulkReport, LinkChanges } from '../bulk/bulk-schema.ts'
import { shown } from './create-links.ts'

/** `PATCH /api/v1/links/bulk` */
export function updateLinks(bulk: BulkLinks) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/links/bulk',
    operationId: 'updateLinks',
    tags: ['Links'],
    summary: 'Change many links',
    description:
      'Up to 1,000, each with a change of its own, in one transaction. A link that is refused (there is none, its version is another one) is told in its result and holds up no other.',
    permission: 'links:write',
    bodyLimitBytes: BULK_BYTES,
    rateLimit: { capacity: 20, refillPerSecond: 2 },
    schema: { body: LinkChanges, response: { 200: BulkReport } },
    handler: async (ctx, { body }) => shown(await bulk.update(ctx, body.links)),
  })
}
