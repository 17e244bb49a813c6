/*
 * The program as its users have it: a process of its own with its own folder, spoken to by HTTP, signals and the words that it prints.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { type Engine, testServerUrl } from '@stoa/testkit'

const MAIN = join(import.meta.dirname, '../src/main.js')

type Settings = Record<string, string>

/** A process that was started. */
export interface Running extends AsyncDisposable {
  /** What it printed so far. */
  readonly stdout: string
  readonly stderr: string
  readonly pid: number
  /** Its exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>
  /** Resolves when stdout matches. @throws when the process ends before */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
}

/** An installation: a folder, and a database when it is on PostgreSQL. Nothing of it outlives the test. */
export interface Installation extends AsyncDisposable {
  readonly folder: string
  readonly settings: Settings
  /** Starts a command, without waiting for anything. */
  start(words: string, settings?: Settings): Running
  /** Runs a command to its end. */
  run(words: string, settings?: Settings): Promise<Finished>
  /** `stoa up`, until it is ready. */
  up(settings?: Settings): Promise<Up>
}

export interface Finished {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** A program that is ready. */
export interface Up extends Running {
  readonly url: string
  /** The key of the first start; null on later ones. */
  readonly key: string | null
  /** The curl line of the banner. */
  readonly curl: string
  /** Asks it to stop and waits. @returns the exit code */
  stop(): Promise<number | string>
}

/** A new, empty installation. */
export async function newInstallation(engine: Engine): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-program-'))
  const database = engine === 'postgres' ? await emptyDatabase() : null
  const settings: Settings = {
    STOA_DATA: join(folder, 'data'),
    PORT: '0',
    ...(database && { DATABASE_URL: database.url }),
  }
  const running = new Set<Running>()
  const start = (words: string, more: Settings = {}) => {
    const one = startProcess(words.split(' '), { ...settings, ...more })
    running.add(one)
    return one
  }
  return {
    folder,
    settings,
    start,
    async run(words, more) {
      const one = start(words, more)
      const code = await one.exit
      return { code, stdout: one.stdout, stderr: one.stderr }
    },
    async up(more) {
      return await whenReady(start('up', more))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((one) => one[Symbol.asyncDispose]()))
      await database?.[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function whenReady(running: Running): Promise<Up> {
  const [, url = ''] = await running.printed(/Address {2,}(\S+)[\s\S]*Ctrl-C stops\./)
  const key = /stoa_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}/.exec(running.stdout)?.[0] ?? null
  const curl = /^ *(curl .*)$/m.exec(running.stdout)?.[1] ?? ''
  const stop = async () => {
    running.kill('SIGINT')
    return await running.exit
  }
  return Object.defineProperties({ url, key, curl, stop }, Object.getOwnPropertyDescriptors(running)) as Up
}

function startProcess(words: readonly string[], settings: Settings): Running {
  const { HOME = '', PATH = '' } = process.env
  const env = { HOME, PATH, TMPDIR: tmpdir(), ...settings }
  return watch(spawn(process.execPath, [MAIN, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] }))
}

/** Collects what a process prints, and sees to its end. */
export function watch(child: ChildProcess): Running {
  let stdout = ''
  let stderr = ''
  const changed = new EventTarget()
  const tell = () => changed.dispatchEvent(new Event('change'))
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    tell()
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    tell()
  })
  let ended: number | string | null = null
  const exit = once(child, 'close').then(([code, signal]) => {
    ended = (code ?? signal) as number | string
    tell()
    return ended
  })
  return {
    get stdout() {
      return stdout
    },
    get stderr() {
      return stderr
    },
    pid: child.pid as number,
    exit,
    async printed(pattern) {
      for (;;) {
        const match = pattern.exec(stdout)
        if (match) return match
        if (ended !== null) throw new Error(`ended with ${ended} before it printed ${pattern}:\n${stdout}${stderr}`)
        await new Promise((resolve) => changed.addEventListener('change', resolve, { once: true }))
      }
    },
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (ended === null) child.kill('SIGKILL')
      await exit
    },
  }
}

/** A database without anything, as an administrator would hand it over. */
export async function emptyDatabase(): Promise<{ readonly url: string } & AsyncDisposable> {
  const name = `stoa_program_${randomBytes(6).toString('hex')}`
  const execute = async (sql: string) => {
    await using server = await openPostgres(
      { url: testServerUrl(), poolSize: 1 },
      { log: silentLogger, clock: systemClock },
    )
    await server.admin((session) => session.exec(sql))
  }
  await execute(`create database ${name}`)
  const url = new URL(testServerUrl())
  url.pathname = `/${name}`
  return { url: url.href, [Symbol.asyncDispose]: () => execute(`drop database ${name} with (force)`) }
}

/** A client of the API. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects.
  readonly body: any
}

/** Sends a request with a key; redirects are not followed. */
export async function call(url: string, key: string | null, method = 'GET', body?: unknown): Promise<Answer> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

/** Asks again until the answer is as wanted. @throws after ten seconds, with the last answer */
export async function eventually(ask: () => Promise<Answer>, wanted: (answer: Answer) => boolean): Promise<Answer> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not as wanted: ${answer.status} ${JSON.stringify(answer.body)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
