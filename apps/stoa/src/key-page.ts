import type { PageRequest } from '@stoa/http'

/** The first keys of a tenant, for a command line that shows no second page. @param limit 1–1000 */
export function firstKeys(limit: number): PageRequest<'createdAt' | '-createdAt'> {
  return {
    limit,
    sort: 'createdAt',
    after: null,
    of: (rows) => ({ data: rows.slice(0, limit), nextCursor: null }),
    upTo: (data) => ({ data, nextCursor: null }),
  }
}
