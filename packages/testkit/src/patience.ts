import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'

/**
 * How long a test waits for what has to come, in milliseconds. Nothing is proven by it: it is long enough for a machine
 * that has other work, and short enough that the test which waits in vain says so itself, before the runner ends the
 * whole file.
 */
const PATIENCE_MS = 60_000
/** The pause between two questions grows, so that nobody who is asked for long meets a rate limit. */
const PAUSE_MIN_MS = 2
const PAUSE_MAX_MS = 50

/**
 * Asks again until the answer is as wanted, and gives it.
 *
 * @param wanted default: anything that is true
 * @param patienceMs when to give up, in milliseconds; default 60,000
 * @throws Error with the last answer when it does not come about in time
 */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  wanted: (answer: T) => boolean = Boolean,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  // The one clock that no test puts another in the place of.
  const begun = process.hrtime.bigint()
  for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 1.5)) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (Number(process.hrtime.bigint() - begun) / 1e6 > patienceMs) {
      throw new Error(`it did not come about within ${patienceMs} ms; the last answer was ${inspect(answer)}`)
    }
    await pause(pauseMs)
  }
}

/**
 * What the promise gives, if it does so in time.
 *
 * @param what for the message: what is waited for
 * @param patienceMs when to give up, in milliseconds; default 60,000
 * @throws Error when nothing has come by then
 */
export async function inTime<T>(promise: Promise<T>, what: string, patienceMs: number = PATIENCE_MS): Promise<T> {
  const over = new AbortController()
  const late = pause(patienceMs, undefined, { signal: over.signal }).then(
    () => {
      throw new Error(`${what} did not come within ${patienceMs} ms`)
    },
    () => undefined as never,
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    over.abort()
  }
}
