import { defineRoute } from '@stoa/http'
import type { BulkLinks } from '../bulk/bulk.ts'
import { BULK_BYTES, BulkReport, NewLinks } from '../bulk/bulk-schema.ts'

/** `POST /api/v1/links/bulk` */
export function createLinks(bulk: BulkLinks) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/links/bulk',
    operationId: 'createLinks',
    tags: ['Links'],
    summary: 'Create many links',
    description:
      'Up to 1,000, in one transaction. A link that is refused is told in its result and holds up no other; a body that does not fit the schema is refused as a whole. With an `Idempotency-Key` none is made twice. For more: the tasks `links.import` and `links.import_csv`.',
    permission: 'links:write',
    bodyLimitBytes: BULK_BYTES,
    rateLimit: { capacity: 20, refillPerSecond: 2 },
    schema: { body: NewLinks, response: { 200: BulkReport } },
    handler: async (ctx, { body }) => shown(await bulk.create(ctx, body.links)),
  })
}

/** As the schema has it. */
export function shown({ results, ...sums }: Awaited<ReturnType<BulkLinks['create']>>) {
  return {
    ...sums,
    results: results.map((result) => ('fields' in result ? { ...result, fields: [...result.fields] } : result)),
  }
}
