import type { Static } from 'typebox'
import type { LinkQuery } from '../schema.ts'
import { queryTime } from './query-time.ts'

/** Which links the query of a caller means. */
export function linkFilter(query: Static<typeof LinkQuery>) {
  const createdFrom = queryTime('createdFrom', query.createdFrom)
  const createdTo = queryTime('createdTo', query.createdTo)
  return {
    ...(query.tag !== undefined && { tags: query.tag }),
    ...(query.status !== undefined && { status: query.status }),
    ...(query.q !== undefined && { search: query.q }),
    ...(query.shortUrl !== undefined && { shortUrl: query.shortUrl }),
    ...(query.folderId !== undefined && { folderId: idOf(query.folderId) }),
    ...(query.domainId !== undefined && { domainId: idOf(query.domainId) }),
    ...(createdFrom && { createdFrom }),
    ...(createdTo && { createdTo }),
  }
}

function idOf(text: string): string | null {
  return text === 'none' ? null : text.toLowerCase()
}
