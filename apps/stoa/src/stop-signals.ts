/*
 * SIGINT and SIGTERM, as people and supervisors send them:
 *
 *   first                    → drain and stop, exit code 0
 *   again within 400 ms      → the same one: a terminal signals the whole process group, and npm passes its own copy on
 *   again later              → stop at once, exit code 128 + number of the signal
 */
import { constants } from 'node:os'

const SAME_PRESS_MS = 400

/** Waits for signals; disposing restores what they do by default. */
export interface StopSignals extends Disposable {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal
}

/**
 * Begins to listen.
 *
 * @param onAgain called at every further press, with the exit code for stopping at once
 * @param source who gets the signals; default: this process
 * @param now a clock that never goes back, in milliseconds
 */
export function listenForStop(
  onAgain: (exitCode: number) => void,
  source: Pick<NodeJS.Process, 'on' | 'off'> = process,
  now: () => number = () => performance.now(),
): StopSignals {
  const controller = new AbortController()
  let lastAt = Number.NEGATIVE_INFINITY
  const onSignal = (name: NodeJS.Signals): void => {
    const at = now()
    const echo = at - lastAt < SAME_PRESS_MS
    lastAt = at
    if (!controller.signal.aborted) controller.abort()
    else if (!echo) onAgain(128 + constants.signals[name])
  }
  source.on('SIGINT', onSignal)
  source.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      source.off('SIGINT', onSignal)
      source.off('SIGTERM', onSignal)
    },
  }
}
