/**
 * Knows what changed, from a source that forgets nothing; the cache asks it about what comes from Redis, which may
 * forget.
 */
export interface Witness {
  /** What a load that begins now is sure to see, in the witness's own words. It is kept with the value. */
  seen(): string
  /**
   * Whether a value with these tags is good, as far as the witness knows, when its load had seen this (absent: nobody
   * was asked then).
   */
  believes(tenantId: string, tags: readonly string[], seen: string | undefined): boolean
}
