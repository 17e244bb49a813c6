/** A load took longer than `loadTimeoutMs`. Its signal has aborted; what it may still bring is thrown away. */
export class CacheLoadTimeout extends Error {
  override readonly name = 'CacheLoadTimeout'
  readonly code = 'cache_load_timeout'

  constructor(limitMs: number) {
    super(`loading took longer than ${limitMs} ms`)
  }
}

/** Redis took longer than `redisTimeoutMs`. It reaches the observer, and never a caller. */
export class RedisTimeout extends Error {
  override readonly name = 'RedisTimeout'
  readonly code = 'cache_redis_timeout'

  constructor(limitMs: number) {
    super(`Redis took longer than ${limitMs} ms`)
  }
}

/**
 * Why waits end when a cache is closed. Nobody sees it; one for all, because making an error costs more than ending a
 * wait.
 */
export const CLOSED = new Error('the cache was closed')
