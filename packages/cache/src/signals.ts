/** How a value came to its caller. */
export type Outcome =
  /** It was kept, in memory or in Redis. */
  | 'hit'
  /** It was loaded, by this caller or by one who asked at the same time. */
  | 'miss'
  /** It was kept, has outlived its time, and is being loaded anew. */
  | 'stale'
  /** The cache was passed by. */
  | 'bypass'

/** What happens in the cache, for metrics and for tests that wait for it. */
export type CacheSignal =
  /** A caller was answered. */
  | { readonly kind: 'answered'; readonly outcome: Outcome }
  /** A load ended well. */
  | { readonly kind: 'loaded'; readonly spentMs: number; readonly background: boolean }
  /** A load failed, or took longer than its limit. */
  | { readonly kind: 'load_failed'; readonly error: unknown; readonly background: boolean }
  /** A value was not stored, because something that it depends on was dropped after its load began. */
  | { readonly kind: 'refused'; readonly by: 'memory' | 'redis' }
  /** A value was not stored, because of what it is. */
  | { readonly kind: 'unstorable'; readonly reason: 'too_big' | 'not_data' }
  /** What Redis had could not be read: it counts as not there. */
  | { readonly kind: 'undecodable'; readonly error: unknown }
  /** A command failed, or took longer than its limit. */
  | { readonly kind: 'redis_failed'; readonly error: unknown }
  /** Redis is left alone for a while. */
  | { readonly kind: 'redis_away' }
  /** Redis answers again. */
  | { readonly kind: 'redis_back' }
  /** Drops that Redis has not confirmed. Until it has, what it keeps under these tags is not believed. */
  | { readonly kind: 'drops_pending'; readonly tags: number }
