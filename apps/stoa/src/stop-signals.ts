/*
 * SIGINT and SIGTERM, as people and supervisors send them:
 *
 *   first                     → drain and stop, exit code 0
 *   any further one           → stop at once, exit code 128 + number of the signal
 *
 * npm stands between a terminal and us, and changes that twice:
 *
 *   one more within 0.5 s     → may be the first one again: the terminal signals the whole process group, and npm passes
 *                               its own copy on to its child. That is us where npm's shell put us into its place (bash
 *                               does); where the shell waits for us (Debian's sh does) it keeps that copy to itself,
 *                               and the second signal is the second press, however soon it comes.
 *   the parent is gone        → as the first: npm runs a script in a shell; a SIGTERM to npm ends npm and the shell, and
 *                               never reaches us. We would keep the port and the data folder, and nobody would know by
 *                               whom.
 *
 * Half a second: npm's copy comes within a millisecond, and within 0.3 s on a machine with six times the work that it can
 * do. A copy taken for a press would cut requests, a press taken for a copy costs one more press.
 */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

const SAME_PRESS_MS = 500
const PARENT_CHECK_MS = 250
const SHELL = /^(sh|dash|ash|busybox|bash|zsh|ksh|mksh|fish)$/

/** Waits for signals; disposing restores what they do by default. */
export interface StopSignals extends Disposable {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal
}

/** What {@link listenForStop} stands on. */
export interface StopSources {
  /** Whether npm, or what works like it, started this process. */
  readonly byNpm: boolean
  /** Who gets the signals, and whose child it is. Default: this process. */
  readonly self?: Pick<NodeJS.Process, 'on' | 'off' | 'ppid'>
  /** What the program of a process is called; null where nobody can tell. Default: as Linux has it. */
  readonly nameOf?: (pid: number) => string | null
  /** A clock that never goes back, in milliseconds. */
  readonly now?: () => number
}

/**
 * Begins to listen.
 *
 * @param onAgain called at every press after the first, with the exit code for stopping at once
 */
export function listenForStop(
  onAgain: (exitCode: number) => void,
  { byNpm, self = process, nameOf = nameOnLinux, now = () => performance.now() }: StopSources,
): StopSignals {
  const controller = new AbortController()
  const parent = self.ppid
  const heardTwice = byNpm && !SHELL.test(nameOf(parent) ?? '')
  let echoUntil = Number.NEGATIVE_INFINITY
  const onSignal = (name: NodeJS.Signals): void => {
    if (!controller.signal.aborted) {
      if (heardTwice) echoUntil = now() + SAME_PRESS_MS
      controller.abort()
    } else if (now() < echoUntil) echoUntil = Number.NEGATIVE_INFINITY
    else onAgain(128 + constants.signals[name])
  }
  self.on('SIGINT', onSignal)
  self.on('SIGTERM', onSignal)
  const watch = byNpm ? setInterval(() => self.ppid !== parent && controller.abort(), PARENT_CHECK_MS) : undefined
  watch?.unref()
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearInterval(watch)
      self.off('SIGINT', onSignal)
      self.off('SIGTERM', onSignal)
    },
  }
}

function nameOnLinux(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return null
  }
}
