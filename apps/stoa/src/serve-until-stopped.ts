import { setImmediate } from 'node:timers/promises'
import { systemClock } from '@stoa/kernel'
import type { RootLogger } from '@stoa/telemetry'
import { type StartOptions, type Stoa, startStoa } from './compose.ts'
import type { Config } from './config/config.ts'
import { failureOf } from './failure.ts'
import { giveBackMemoryAtRest } from './give-back-memory.ts'
import { openLog, type Program } from './program.ts'

const SLOW_STOP_MS = 1_000

/**
 * Starts the program and runs it until a signal asks it to stop; then drains it. A signal that comes during the start
 * stops it as soon as it is up: nothing is left half done.
 *
 * @param onReady says so
 * @param onSlowStop says that it still stops, when that takes longer than a person waits without a word
 * @returns the exit code
 */
export async function serveUntilStopped(
  program: Program,
  options: StartOptions,
  onReady: (stoa: Stoa, config: Config, log: RootLogger) => Promise<void>,
  onSlowStop: (stoa: Stoa) => Promise<void> = async () => undefined,
): Promise<number> {
  const config = program.config()
  const stopping = program.stopping()
  await using log = openLog(config)
  const broken = watchForDefects(log)
  try {
    const stoa = await startStoa(config, { log, clock: systemClock }, options)
    try {
      if (!stopping.aborted) await onReady(stoa, config, log)
      log.info({ url: stoa.url, address: stoa.address }, 'ready')
      await using _ = giveBackMemoryAtRest({ clock: systemClock, log })
      if (!stopping.aborted) await aborted(stopping)
      log.info({}, 'stopping')
    } finally {
      const slow = setTimeout(() => void onSlowStop(stoa), SLOW_STOP_MS)
      await stoa[Symbol.asyncDispose]()
      clearTimeout(slow)
    }
    log.info({}, 'stopped')
    return 0
  } catch (error) {
    if (failureOf(error, config).unexpected) log.fatal({ err: error }, 'the start failed')
    throw error
  } finally {
    broken[Symbol.dispose]()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/**
 * An error that nobody caught leaves the program in an unknown state: it is logged, and the process ends with 1.
 * Whoever supervises it starts it again; what was committed is there.
 */
function watchForDefects(log: RootLogger): Disposable {
  const onDefect = (err: unknown, origin: string): void => {
    log.fatal({ err, origin }, 'an error that nobody caught: the process ends')
    const exit = () => process.exit(1)
    setTimeout(exit, 2_000).unref()
    void log
      .flush()
      .then(() => setImmediate())
      .then(exit, exit)
  }
  process.on('uncaughtException', onDefect)
  return {
    [Symbol.dispose]() {
      process.off('uncaughtException', onDefect)
    },
  }
}
