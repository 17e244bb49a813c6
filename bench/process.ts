/*
 * What a process used, from Linux's /proc, and programs that are measured.
 *
 * A program is a file of this folder that calls `answer`. It runs in a process of its own, answers the questions of
 * whoever started it, and ends when that one lets go of it or dies.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10

/**
 * CPU time of a process, its children and those of them that have ended, in milliseconds, user and system. For
 * PostgreSQL give it the pid of the server: its children are the sessions, the checkpointer and the writers. To the
 * nearest 10 ms, so measure for seconds.
 *
 * @throws Error when there is no such process, or `/proc` is not Linux's
 */
export function cpuMs(pid: number | null): number {
  if (pid === null) throw new Error('CPU time needs a server that runs on this machine, not in a container')
  let ticks = ticksOf(pid)
  for (const child of childrenOf(pid)) {
    try {
      ticks += ticksOf(child)
    } catch {
      // It ended in the meantime: the parent has its time now, and the next look finds it there.
    }
  }
  return ticks * MS_PER_TICK
}

/**
 * What share of the machine's cores other processes use (0–1), from this call until the returned function is called.
 * Work that the kernel does in threads of its own, the disk's for instance, counts as somebody else's.
 */
export function watchOthers(): () => number {
  const look = () => ({ busy: busyMs(), own: familyMs(process.pid), at: performance.now() })
  const before = look()
  return () => {
    const after = look()
    const others = after.busy - before.busy - (after.own - before.own)
    return Math.max(0, others / ((after.at - before.at) * availableParallelism()))
  }
}

/** CPU time of all cores since the machine started that was not idle, what the host took away included. */
function busyMs(): number {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)
    .flatMap((line) => line.trim().split(/\s+/).slice(1).map(Number))
  return [user, nice, system, irq, softirq, steal].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) * MS_PER_TICK
}

function familyMs(pid: number): number {
  try {
    return ticksOf(pid) * MS_PER_TICK + childrenOf(pid).reduce((sum, child) => sum + familyMs(child), 0)
  } catch {
    return 0
  }
}

/** Resident memory of one process, in MB of 10⁶ bytes. */
export function residentMb(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (Number(kibibytes) * 1_024) / 1e6
}

/** user, system, and the same of children that have ended. */
function ticksOf(pid: number): number {
  return fields(pid)
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks), 0)
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(fields(pid)[1]) === parent
      } catch {
        return false
      }
    })
}

/** Of /proc/<pid>/stat from the third one on: the second is the name in brackets, which may hold anything. */
function fields(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** A program that is measured. Disposing it lets it end by itself, and ends it when it does not. */
export interface Program extends AsyncDisposable {
  readonly pid: number
  /**
   * Has it do something, and gives back the outcome. @throws Error with its message when that failed, or when it has
   * ended
   */
  ask<Outcome>(question: string, input?: unknown): Promise<Outcome>
}

interface Question {
  readonly id: number
  readonly question: string
  readonly input: unknown
}

interface Answer {
  readonly id: number
  readonly outcome?: unknown
  readonly error?: string
}

const PATIENCE_MS = 10_000

/** Starts the program in `file`: `new URL('./server.ts', import.meta.url)`. Its output is shown. */
export async function startProgram(file: URL, env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const child = fork(file, [], { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const asked = new Map<number, PromiseWithResolvers<unknown>>()
  let ids = 0
  const ended = once(child, 'exit')
  child.on('message', ({ error, id, outcome }: Answer) => {
    const waiting = asked.get(id)
    asked.delete(id)
    if (error === undefined) waiting?.resolve(outcome)
    else waiting?.reject(new Error(error))
  })
  child.once('exit', (code, signal) => {
    for (const waiting of asked.values()) waiting.reject(new Error(`the program ended (${signal ?? code})`))
  })
  await once(child, 'spawn')
  return {
    pid: child.pid as number,
    async ask<Outcome>(question: string, input?: unknown) {
      const id = ++ids
      const waiting = Promise.withResolvers<unknown>()
      asked.set(id, waiting)
      child.send({ id, question, input } satisfies Question, (error) => {
        if (error) waiting.reject(error)
      })
      return (await waiting.promise) as Outcome
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      const last = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      await ended
      clearTimeout(last)
    },
  }
}

/**
 * For a program: answers each question by the function of its name. When whoever asks lets go, `close` is called and
 * the process ends.
 */
export function answer(
  functions: Readonly<Record<string, (input: never) => unknown>>,
  close: () => Promise<void> = async () => undefined,
): void {
  process.on('message', async ({ id, input, question }: Question) => {
    const reply = (message: Answer) => process.connected && process.send?.(message)
    try {
      const asked = functions[question]
      if (!asked) throw new Error(`'${question}' is not a question that this program answers`)
      reply({ id, outcome: await asked(input as never) })
    } catch (error) {
      reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  // Ctrl-C goes to all processes of a terminal: it is for the one that asks, which lets go of this one.
  process.on('SIGINT', () => undefined)
  process.once('disconnect', () => {
    close().then(
      () => process.exit(0),
      (error) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}
