/*
 * From the command to the moment the program is ready, and what it keeps of the memory when nobody asks for anything.
 * It is the program itself, started as `npm start` starts it once everything is installed, in an empty folder and with
 * an empty database.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { newDatabase } from './database.ts'
import { type Bench, type BenchContext, type Row, row } from './harness.ts'
import { residentMb } from './process.ts'

const MAIN = join(import.meta.dirname, '../apps/stoa/src/main.js')
/** After so long at rest, what the start alone needed has been given back. */
const AT_REST_MS = 15_000

/** What one installation gave. */
interface Outcome {
  readonly firstSeconds: number
  /** The third one: what Node compiled is there. */
  readonly laterSeconds: number
  readonly residentMb: number
}

export const start: Bench = { name: 'start', run }

async function run(context: BenchContext): Promise<readonly Row[]> {
  const pglite: Outcome[] = []
  const postgres: Outcome[] = []
  const server = await context.postgres()
  for (let time = 0; time < context.runs; time++) {
    context.say(`installation ${time + 1} of ${context.runs} on each engine`)
    pglite.push(await outcome({}))
    postgres.push(await outcome({ DATABASE_URL: await newDatabase(server.url, `start_${time}`) }))
  }
  return [
    ...rows('PGlite', pglite, { firstSeconds: 6, laterSeconds: 2, residentMb: 350 }),
    ...rows('PostgreSQL', postgres, { firstSeconds: 6, laterSeconds: 2, residentMb: 150 }),
  ]
}

function rows(engine: string, outcomes: readonly Outcome[], atMost: Partial<Outcome>): Row[] {
  const measured = (name: string, unit: string, of: keyof Outcome) => {
    const limit = atMost[of]
    const subject = outcomes.map((outcome) => outcome[of])
    const target = limit === undefined ? {} : ({ target: { of: 'value', atMost: limit } } as const)
    return row({ name: `${name}, ${engine}`, unit, subject, ...target })
  }
  return [
    measured('first start until ready', 's', 'firstSeconds'),
    measured('later start until ready', 's', 'laterSeconds'),
    measured('resident memory at rest', 'MB', 'residentMb'),
  ]
}

async function outcome(settings: Readonly<Record<string, string>>): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-bench-'))
  const env = { ...settings, STOA_DATA: join(folder, 'data'), NODE_COMPILE_CACHE: join(folder, 'compiled') }
  try {
    const firstSeconds = await secondsToStart(env)
    await secondsToStart(env)
    await using later = await startStoa(env)
    await delay(AT_REST_MS)
    return { firstSeconds, laterSeconds: later.seconds, residentMb: residentMb(later.pid) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Started extends AsyncDisposable {
  readonly pid: number
  readonly seconds: number
}

async function secondsToStart(env: Readonly<Record<string, string>>): Promise<number> {
  await using started = await startStoa(env)
  return started.seconds
}

/** Starts the program and waits until it says that it is ready. */
async function startStoa(settings: Readonly<Record<string, string>>): Promise<Started> {
  const { HOME = '', PATH = '' } = process.env
  const before = performance.now()
  const child = spawn(process.execPath, [MAIN, 'up'], {
    env: { HOME, PATH, PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  let printed = ''
  let logged = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    logged += text
  })
  for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    printed += text
    if (printed.includes('Ctrl-C stops.')) break
  }
  const seconds = (performance.now() - before) / 1_000
  if (!printed.includes('Ctrl-C stops.')) throw new Error(`the program did not start:\n${printed}${logged}`)
  child.stdout.resume()
  return {
    pid: child.pid as number,
    seconds,
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT')
      await ended
    },
  }
}
