/** The only source of time. Everything that waits or stamps takes a `Clock`, so that a test decides what time it is. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. It may go backwards when the machine's clock is set. */
  now(): number
  /**
   * Resolves after `ms` milliseconds. Rejects with the signal's reason as soon as `signal` aborts.
   */
  sleep(ms: number, signal?: AbortSignal | null): Promise<void>
}

/** The longest delay a timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647

/** The machine's clock. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  sleep: async (ms: number, signal?: AbortSignal | null) => {
    if (signal?.aborted) throw signal.reason
    let left = Math.max(0, ms)
    do {
      const step = Math.min(left, MAX_TIMER_MS)
      await timer(step, signal)
      left -= step
    } while (left > 0)
  },
})

/** As `node:timers/promises` has it, which makes an error with a stack for every sleep that is cut short. */
function timer(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = () => {
      clearTimeout(timeout)
      reject(signal?.reason as Error)
    }
    const timeout = setTimeout(() => {
      signal?.removeEventListener('abort', wake)
      resolve()
    }, ms)
    signal?.addEventListener('abort', wake, { once: true })
  })
}
