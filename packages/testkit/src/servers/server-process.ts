// One server program, owned by this process.
//
//   launch ──ready line──▶ running ──stop/kill──▶ down ──restart──▶ running
//
// Nothing of it outlives us. The program runs in a session of its own, so Ctrl-C does not reach it before its users;
// a tiny `sh` (the keeper) waits on a pipe that only we hold open, and when that pipe closes, even by `kill -9`,
// it ends the program by its pid file and removes the temporary folder.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.ts'

const LOG_LINES_KEPT = 200
const LAUNCH_ATTEMPTS = 40
const RETRY_PAUSE_MS = 250

/** How one kind of server is run. */
export interface ServerProgram {
  /** The name used in messages: `PostgreSQL`, `Redis`. */
  readonly name: string
  readonly command: string
  readonly args: (port: number) => readonly string[]
  /** The user to run as; absent: the same user as this process. */
  readonly user: { readonly uid: number; readonly gid: number } | null
  /** A line of output that says that connections are accepted. */
  readonly ready: RegExp
  /** Output of a failed start that is worth another attempt on the same port. */
  readonly transient: RegExp
  readonly stopSignal: NodeJS.Signals
  /** A file whose first line is the process id. */
  readonly pidFile: string
  /** Removed when the server is stopped for good; null when there is nothing to remove. */
  readonly temporaryFolder: string | null
  /** The port asked for; null takes a free one. */
  readonly port: number | null
  /** How long a start may take, in ms. */
  readonly startTimeoutMs: number
}

/** A server that this process owns; it is gone when this process is, however it ends. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens; constant over restarts. */
  readonly port: number
  /** The last lines it wrote. */
  log(): string
  /** Null while it is down. */
  pid(): number | null
  /** Stops it in an orderly way and removes what it left. Safe to call twice. */
  stop(): Promise<void>
  /** Ends the program and all of its children at once, as a crash would. The data stay. */
  kill(): Promise<void>
  /** Stops it in an orderly way when it runs, then starts it on the same port with the same data. */
  restart(): Promise<void>
}

/** Starts a server and resolves when it accepts connections. Throws with its last output when it does not. */
export async function runServer(program: ServerProgram): Promise<RunningServer> {
  const lines: string[] = []
  let port = program.port ?? (await freePort())
  let child: ChildProcess | null = null
  const keeper = startKeeper(program)

  const start = async (mayMove: boolean) => {
    for (let attempt = 1; ; attempt++) {
      const started = await launch(program, port, lines)
      if (started.child !== null) {
        child = started.child
        return
      }
      const taken = /address already in use/i.test(started.output)
      if (taken && mayMove) port = await freePort()
      const again = (taken && program.port === null) || program.transient.test(started.output)
      if (!again || attempt === LAUNCH_ATTEMPTS) {
        throw new Error(`${program.name} did not start on port ${port}:\n${started.output.trim()}`)
      }
      await delay(RETRY_PAUSE_MS)
    }
  }
  const end = async (how: (running: ChildProcess) => Promise<void>) => {
    const running = child
    child = null
    if (running !== null) await how(running)
  }
  const stop = async () => {
    await end((running) => stopInOrder(running, program.stopSignal))
    keeper.dismiss()
    removeFolder(program.temporaryFolder)
  }

  try {
    await start(program.port === null)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    port,
    log: () => lines.join('\n'),
    pid: () => child?.pid ?? null,
    stop,
    kill: () => end(killWithChildren),
    async restart() {
      await end((running) => stopInOrder(running, program.stopSignal))
      await start(false)
    },
    [Symbol.asyncDispose]: stop,
  }
}

interface Launch {
  readonly child: ChildProcess | null
  readonly output: string
}

function launch(program: ServerProgram, port: number, lines: string[]): Promise<Launch> {
  return new Promise((resolve) => {
    const child = spawn(program.command, program.args(port), {
      detached: true,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' },
      ...(program.user ?? {}),
    })
    let output = ''
    let ready = false
    const timer = setTimeout(() => {
      output += `\nno sign of life within ${program.startTimeoutMs} ms`
      child.kill('SIGKILL')
    }, program.startTimeoutMs)
    const read = (chunk: string) => {
      lines.push(...chunk.split('\n').filter((line) => line !== ''))
      lines.splice(0, lines.length - LOG_LINES_KEPT)
      if (ready) return
      output += chunk
      if (!program.ready.test(output)) return
      ready = true
      clearTimeout(timer)
      unreference(child)
      resolve({ child, output })
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    child.once('error', (error) => {
      clearTimeout(timer)
      resolve({ child: null, output: `${output}\n${error.message}` })
    })
    child.once('close', () => {
      clearTimeout(timer)
      resolve({ child: null, output })
    })
  })
}

/** Lets this process end although the server still runs: the keeper sees to the rest. */
function unreference(child: ChildProcess): void {
  child.unref()
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref()
  }
}

async function stopInOrder(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.ref()
  child.kill(signal)
  const last = setTimeout(() => void killWithChildren(child), 20_000)
  await ended
  clearTimeout(last)
}

async function killWithChildren(child: ChildProcess): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.ref()
  const children = childrenOf(child.pid)
  child.kill('SIGKILL')
  for (const pid of children) signalQuietly(pid, 'SIGKILL')
  await ended
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended in the meantime.
  }
}

/** The children of a process by Linux's /proc; elsewhere none, and they see by themselves that their parent died. */
function childrenOf(parent: number): readonly number[] {
  const children: number[] = []
  try {
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name) && parentOf(name) === parent) children.push(Number(name))
    }
  } catch {
    return []
  }
  return children
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the name in brackets, which may hold anything; the fourth is the parent.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}

const KEEPER_SCRIPT = `
trap '' INT TERM HUP
cat >/dev/null
pid=$(head -n 1 "$1" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -s "$2" "$pid" 2>/dev/null
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.25
  done
  kill -s KILL "$pid" 2>/dev/null
fi
[ -z "$3" ] || rm -rf -- "$3"
`

function startKeeper(program: ServerProgram): { dismiss(): void } {
  if (process.platform === 'win32') return { dismiss: () => undefined }
  const signal = program.stopSignal.replace('SIG', '')
  const keeper = spawn(
    '/bin/sh',
    ['-c', KEEPER_SCRIPT, 'keeper', program.pidFile, signal, program.temporaryFolder ?? ''],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  )
  unreference(keeper)
  return { dismiss: () => void keeper.kill('SIGKILL') }
}

function removeFolder(folder: string | null): void {
  if (folder !== null) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}
