import { setTimeout as delay } from 'node:timers/promises'

/** The time that entries age by, and that waits are measured by. */
export interface CacheClock {
  /**
   * Milliseconds since any fixed moment. A step back makes entries that were stored after it unusable, never younger.
   */
  now(): number
  /** Resolves after `ms` milliseconds; rejects as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal | null): Promise<void>
}

/** Time since the process started: nobody can set it back. What waits on it does not keep the process running. */
export const monotonicClock: CacheClock = Object.freeze({
  now: () => performance.now(),
  sleep: (ms: number, signal?: AbortSignal | null) => delay(ms, undefined, { ref: false, ...(signal && { signal }) }),
})
