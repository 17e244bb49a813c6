import type { Clock } from './clock.ts'

/** When {@link repeat} does its work. */
export interface RepeatOptions {
  readonly clock: Clock
  /** The pause before the first time, in milliseconds; 0: at once. Default: `everyMs`. */
  readonly firstMs?: number
  /** The pause between the end of one time and the beginning of the next, in milliseconds. */
  readonly everyMs: number
  /** Told of a failure. The next time comes all the same. */
  readonly onError: (error: unknown) => void
}

/**
 * Work that comes again and again until this is disposed, which aborts the signal and waits for the work that is under
 * way.
 */
export interface Repeating extends AsyncDisposable {
  /** Resolves when the first time is over, however it went, or when there will be none. */
  readonly first: Promise<void>
}

/**
 * Does something again and again, one time after the other.
 *
 * @param work its signal aborts when no more is wanted; what it throws then is told to nobody
 * @example
 * await using sweeping = repeat(() => sweep(), { clock, everyMs: 60_000, onError: (err) => log.warn({ err }, 'not swept') })
 */
export function repeat(work: (signal: AbortSignal) => Promise<unknown>, options: RepeatOptions): Repeating {
  const { clock, everyMs, firstMs = everyMs, onError } = options
  const closing = new AbortController()
  const { signal } = closing
  const first = Promise.withResolvers<void>()
  const running = (async () => {
    for (let pauseMs = firstMs; await hasWaited(clock, pauseMs, signal); pauseMs = everyMs) {
      try {
        await work(signal)
      } catch (error) {
        if (!signal.aborted) onError(error)
      }
      first.resolve()
    }
    first.resolve()
  })()
  return {
    first: first.promise,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await running
    },
  }
}

/** False when it is over. */
async function hasWaited(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms > 0 && !signal.aborted) await clock.sleep(ms, signal).catch(() => undefined)
  return !signal.aborted
}
