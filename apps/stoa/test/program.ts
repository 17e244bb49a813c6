/*
 * The program as its users have it: a process of its own with its own folder, spoken to by HTTP, signals and the words
 * that it prints.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AdminSession, openPglite, openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { type Engine, TestClient, testPlace, testServerUrl } from '@stoa/testkit'
import manifest from '../package.json' with { type: 'json' }
import { migrationSets } from '../src/manifest.ts'
import { run as runHere } from '../src/run.ts'
import { type Running, type RunOptions, run } from './running.ts'

const REPOSITORY = join(import.meta.dirname, '../../..')
const MAIN = join(import.meta.dirname, '..', manifest.bin.stoa)

/** Environment variables. */
type Settings = Readonly<Record<string, string>>

/** How an installation begins. */
export interface InstallationOptions {
  /**
   * Nothing is there yet: no folder, an empty database. Default: the schema is there, which spares the first start
   * seconds; and nothing else.
   */
  readonly empty?: boolean
  /** More variables for every command, over what the engine needs. */
  readonly settings?: Settings
}

/** An installation: a folder, and a database when it is on PostgreSQL. Nothing of it outlives the test. */
export interface Installation extends AsyncDisposable {
  /** Where it is, with room for what a test puts beside it. */
  readonly folder: string
  /** `STOA_DATA`; PGlite is in `db` there. */
  readonly dataDir: string
  readonly settings: Settings
  /** The key of the first start; null before. */
  readonly key: string | null
  /** Starts a command, without waiting for anything. Words with blanks in them come in a list. */
  start(words: string | readonly string[], settings?: Settings): Running
  /**
   * Runs a command to its end in this process, which has loaded the program already: for what is asked of the command
   * and not of its process.
   */
  call(words: string | readonly string[], settings?: Settings): Promise<Finished>
  /** Runs a command to its end. `by` is put before it: a program that starts others, with its options. */
  run(words: string | readonly string[], settings?: Settings, by?: readonly string[]): Promise<Finished>
  /** `stoa up`, until it is ready. */
  up(settings?: Settings): Promise<Up>
  /** `npm start` in a process group of its own, until it is ready. */
  npmStart(settings?: Settings): Promise<Up>
  /** Works in its database as an administrator. On PGlite the program must not run meanwhile. */
  admin<T>(work: (session: AdminSession) => Promise<T>): Promise<T>
}

/** A command that has ended. */
export interface Finished {
  /** The exit code, or the name of the signal. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** A program that is ready. */
export interface Up extends Running {
  readonly url: string
  /** The key that it printed: null unless this is the first start. */
  readonly key: string | null
  /** The curl line of the banner. */
  readonly curl: string
  /** A client with this key; null: without. Default: the key of the first start. */
  client(key?: string | null): TestClient
  /** Asks it to stop and waits. @returns the exit code */
  stop(): Promise<number | string>
}

/** A new installation. */
export async function newInstallation(engine: Engine, options: InstallationOptions = {}): Promise<Installation> {
  const place = options.empty ? await emptyPlace(engine) : await testPlace({ engine, sets: migrationSets })
  const settings: Settings = {
    STOA_DATA: place.dataDir,
    PORT: '0',
    // A machine that is busy with other tests is no reason to refuse a request.
    STOA_MAX_EVENT_LOOP_DELAY_MS: '0',
    ...(place.databaseUrl !== null && { DATABASE_URL: place.databaseUrl }),
    ...options.settings,
  }
  const folder = await mkdtemp(join(tmpdir(), 'stoa-program-'))
  const { HOME = '', PATH = '', NODE_COMPILE_CACHE = '' } = process.env
  const running: Running[] = []
  const startProcess = (
    command: string,
    args: readonly string[],
    more: Settings,
    how: Omit<RunOptions, 'env'> = {},
  ) => {
    const one = run(command, args, {
      ...how,
      env: { HOME, PATH, NODE_COMPILE_CACHE, TMPDIR: tmpdir(), ...settings, ...more },
    })
    running.push(one)
    return one
  }
  const start = (words: string | readonly string[], more: Settings = {}, by: readonly string[] = []) => {
    const line = [...by, process.execPath, MAIN, ...(typeof words === 'string' ? words.split(' ') : words)]
    return startProcess(line[0] as string, line.slice(1), more)
  }
  let key: string | null = null
  const ready = async (starting: Running) => {
    const up = await whenReady(starting, () => key)
    key ??= up.key
    return up
  }
  return {
    folder,
    dataDir: place.dataDir,
    settings,
    get key() {
      return key
    },
    start,
    async call(words, more) {
      const printed = { stdout: '', stderr: '' }
      const code = await runHere(typeof words === 'string' ? words.split(' ') : words, {
        env: { ...settings, ...more },
        isTerminal: false,
        print(text) {
          printed.stdout += `${text}\n`
        },
        complain(text) {
          printed.stderr += `${text}\n`
        },
      })
      return { code, ...printed }
    },
    async run(words, more, by) {
      const one = start(words, more, by)
      const code = await one.exit
      return { code, stdout: one.stdout, stderr: one.stderr }
    },
    up: (more) => ready(start('up', more)),
    npmStart: (more = {}) => ready(startProcess('npm', ['start'], more, { cwd: REPOSITORY, group: true })),
    admin: (work) => administer(place.databaseUrl, place.dataDir, work),
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((one) => one[Symbol.asyncDispose]()))
      await place[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function whenReady(running: Running, ownerKey: () => string | null): Promise<Up> {
  const [, url = ''] = await running.printed(/Address {2,}(\S+)[\s\S]*Ctrl-C stops\./)
  const key = /stoa_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}/.exec(running.stdout)?.[0] ?? null
  const curl = /^ *(curl .*)$/m.exec(running.stdout)?.[1] ?? ''
  const stop = async () => {
    running.kill('SIGINT')
    return await running.exit
  }
  const client = (own: string | null = ownerKey()) => new TestClient(url, own)
  return Object.defineProperties({ url, key, curl, client, stop }, Object.getOwnPropertyDescriptors(running)) as Up
}

/** A folder that is not there, and a database without anything, as an administrator would hand it over. */
async function emptyPlace(engine: Engine) {
  const parent = await mkdtemp(join(tmpdir(), 'stoa-empty-'))
  const database = engine === 'postgres' ? await emptyDatabase() : null
  return {
    dataDir: join(parent, 'data'),
    databaseUrl: database?.url ?? null,
    async [Symbol.asyncDispose]() {
      await database?.[Symbol.asyncDispose]()
      await rm(parent, { recursive: true, force: true })
    },
  }
}

async function emptyDatabase(): Promise<{ readonly url: string } & AsyncDisposable> {
  const name = `stoa_program_${randomBytes(6).toString('hex')}`
  await executeAt(testServerUrl(), `create database ${name}`)
  const url = new URL(testServerUrl())
  url.pathname = `/${name}`
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => executeAt(testServerUrl(), `drop database ${name} with (force)`),
  }
}

async function administer<T>(
  url: string | null,
  dataDir: string,
  work: (session: AdminSession) => Promise<T>,
): Promise<T> {
  const deps = { log: silentLogger, clock: systemClock }
  await using db = await (url === null
    ? openPglite({ dataDir: join(dataDir, 'db') }, deps)
    : openPostgres({ url, poolSize: 1 }, deps))
  return await db.admin(work)
}

/** Runs SQL in a PostgreSQL database, as an administrator. */
export async function executeAt(url: string, sql: string): Promise<void> {
  await administer(url, '', (session) => session.exec(sql))
}
