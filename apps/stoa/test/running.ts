/*
 * A process that a test started: what it prints, how it ends, and that it does end, even when the test does not come to
 * its end.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A process that was started. */
export interface Running extends AsyncDisposable {
  /** What it printed so far. */
  readonly stdout: string
  readonly stderr: string
  readonly pid: number
  /** Its exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>
  /** The same as soon as it is known; null before. */
  readonly ended: number | string | null
  /** Resolves when stdout matches. @throws when the process ends before */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** The same for stderr, where the log is. */
  logged(pattern: RegExp): Promise<RegExpExecArray>
  /** Sends a signal to this process alone. */
  kill(signal: NodeJS.Signals): void
  /**
   * Sends a signal to all processes of its group, as a terminal does. Only for one that was started with a group of its
   * own.
   */
  press(signal: NodeJS.Signals): void
}

/** How a process is started. */
export interface RunOptions {
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Gives it a process group (and a session) of its own, as a shell gives each job one. */
  readonly group?: boolean
}

/** Starts a process. */
export function run(command: string, args: readonly string[], { env, cwd, group = false }: RunOptions): Running {
  const child = spawn(command, args, { env, cwd, detached: group, stdio: ['ignore', 'pipe', 'pipe'] })
  return watch(child, group ? keepGroup(child.pid as number) : null)
}

interface Keeper {
  /** Ends the group now. */
  end(): Promise<void>
}

/**
 * Nothing else would end a group of its own when this process is killed: a shell waits for that, at the other end of a
 * pipe.
 */
function keepGroup(pid: number): Keeper {
  const script = 'cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null'
  const keeper = spawn('/bin/sh', ['-c', script, 'keeper', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  return {
    async end() {
      const ended = once(keeper, 'exit')
      keeper.stdin.end()
      await ended
    },
  }
}

function watch(child: ChildProcess, keeper: Keeper | null): Running {
  const text = { stdout: '', stderr: '' }
  const changed = new EventTarget()
  const tell = () => changed.dispatchEvent(new Event('change'))
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
      tell()
    })
  }
  let ended: number | string | null = null
  const exit = once(child, 'close').then(([code, signal]) => {
    ended = (code ?? signal) as number | string
    tell()
    return ended
  })
  const seen = async (name: keyof typeof text, pattern: RegExp) => {
    for (;;) {
      const match = pattern.exec(text[name])
      if (match) return match
      if (ended !== null)
        throw new Error(`ended with ${ended} before ${pattern} was in its ${name}:\n${text.stdout}${text.stderr}`)
      await new Promise((resolve) => changed.addEventListener('change', resolve, { once: true }))
    }
  }
  return {
    get stdout() {
      return text.stdout
    },
    get stderr() {
      return text.stderr
    },
    get ended() {
      return ended
    },
    pid: child.pid as number,
    exit,
    printed: (pattern) => seen('stdout', pattern),
    logged: (pattern) => seen('stderr', pattern),
    kill: (signal) => void child.kill(signal),
    press(signal) {
      if (ended === null) process.kill(-(child.pid as number), signal)
    },
    async [Symbol.asyncDispose]() {
      if (keeper) await keeper.end()
      else if (ended === null) child.kill('SIGKILL')
      await exit
    },
  }
}
