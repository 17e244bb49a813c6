/*
 * Answers that come through a cache of ours (RFC 9111, RFC 9211 in spirit). Such an answer may be kept by whoever
 * asked, and has to be asked about each time: `private, no-cache`. So a browser spares the body by its `If-None-Match`,
 * and nobody is given what is no longer so. A caller who must not be given what another process keeps, because it has
 * just changed it there, says `Cache-Control: no-cache`.
 */
import type { RouteReply } from './route.ts'

/**
 * How an answer came: kept (`hit`), read (`miss`), kept for longer than it should be and being read anew (`stale`),
 * read past the cache (`bypass`).
 */
export type CacheOutcome = 'hit' | 'miss' | 'stale' | 'bypass'

/** How a directive stands in `Cache-Control`. */
const FRESH = /(?:^|[\s,])no-(?:cache|store)(?:$|[\s,])/i
/** Who asks decides what is answered: what one was told is not for another in the same browser. */
const VARIES_BY = 'authorization, x-api-key'

/** Whether the caller wants what it asks for read anew: `Cache-Control: no-cache` or `no-store`. */
export function wantsFresh(headers: Readonly<Record<string, string | string[] | undefined>>): boolean {
  const header = headers['cache-control']
  return header !== undefined && FRESH.test(String(header))
}

/** Says how the answer came. For routes with `cached`. */
export function cameBy(reply: Pick<RouteReply, 'header'>, outcome: CacheOutcome): void {
  reply.header('x-cache', outcome)
  reply.header('cache-control', 'private, no-cache')
  reply.header('vary', VARIES_BY)
}
