// One test file in a process of its own: started, watched, and ended when it takes too long.

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Line } from './reporter.ts'

const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url))
const OUTPUT_KEPT = 200_000
const SPOILT = 'something else wrote over the results of the tests'
const SPOILT_DETAIL = 'fork() hands on the options of the test runner: give the child `execArgv: []`'

/** A test that did not pass, or what went wrong with the file as a whole. */
interface Failure {
  /** `suite › test`, or a sentence on the file. */
  readonly name: string
  readonly place: string
  readonly detail: string
}

/** What a file's run came to. */
export interface FileResult {
  readonly file: string
  readonly passed: number
  readonly failures: readonly Failure[]
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  readonly durationMs: number
  /** What the process wrote, cut to its end when it is long. */
  readonly output: string
}

/** Options of {@link runFile}. */
export interface RunFileOptions {
  /** The folder that `file` is relative to. */
  readonly root: string
  /** A folder for the events' file. */
  readonly scratch: string
  /** How long the whole file may take, in ms. */
  readonly timeoutMs: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Only tests whose name matches this regular expression. */
  readonly namePattern: string | null
  /** Ends the process and its children at once. */
  readonly signal: AbortSignal
}

let serial = 0

/** Runs the tests of one file. Never rejects: whatever goes wrong is a failure in the result. */
export async function runFile(file: string, options: RunFileOptions): Promise<FileResult> {
  const events = join(options.scratch, `${++serial}.jsonl`)
  const begun = performance.now()
  const end = await execute(file, events, options)
  const lines = readLines(events)
  rmSync(events, { force: true })
  const outcome = readOutcome(lines ?? [])
  const durationMs = performance.now() - begun
  const spoilt: readonly Failure[] = lines === null ? [{ name: SPOILT, place: file, detail: SPOILT_DETAIL }] : []
  const failures = [...spoilt, ...outcome.failures, ...fileFailures(file, end, outcome, options)]
  return { file, passed: outcome.passed, failures, skipped: outcome.skipped, durationMs, output: end.output }
}

interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly timedOut: boolean
  readonly output: string
}

function execute(file: string, events: string, options: RunFileOptions): Promise<ProcessEnd> {
  const args = [`--test-reporter=${REPORTER}`, `--test-reporter-destination=${events}`]
  if (options.namePattern !== null) args.push(`--test-name-pattern=${options.namePattern}`)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args, file], {
      cwd: options.root,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let output = ''
    let timedOut = false
    const end = () => killGroup(child)
    const timer = setTimeout(() => {
      timedOut = true
      end()
    }, options.timeoutMs)
    options.signal.addEventListener('abort', end, { once: true })
    const read = (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_KEPT)
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    child.once('error', (error) => read(`${error.message}\n`))
    // After the exit, a grandchild may hold the pipes open: its output is not waited for.
    child.once('exit', () => setTimeout(() => child.stdout.destroy() && child.stderr.destroy(), 500).unref())
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', end)
      killGroup(child)
      resolve({ code, signal, timedOut, output })
    })
  })
}

/** The process and everything it started, unless that moved to a session of its own. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nothing of the group is left.
  }
}

/** What the reporter wrote, up to its last whole line; null when it is not what a reporter writes. */
function readLines(path: string): readonly Line[] | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  try {
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
  } catch {
    return null
  }
}

interface Outcome {
  readonly passed: number
  readonly failures: readonly Failure[]
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  /** Names of the tests that had begun and not ended. */
  readonly open: readonly string[]
  readonly finished: boolean
}

function readOutcome(lines: readonly Line[]): Outcome {
  const names = new Map<number, { readonly name: string; readonly parent: number }>()
  const open = new Set<number>()
  const failures: Failure[] = []
  const skipped: { name: string; reason: string }[] = []
  let passed = 0
  let finished = false
  const fullName = (id: number): string => {
    const known = names.get(id)
    if (known === undefined) return ''
    const parent = fullName(known.parent)
    return parent === '' ? known.name : `${parent} › ${known.name}`
  }
  for (const line of lines) {
    if (line.at === 'known') names.set(line.id, line)
    else if (line.at === 'begun') open.add(line.id)
    else if (line.at === 'finished') finished = true
    else {
      open.delete(line.id)
      if (line.skipped !== null) {
        if (!line.suite) skipped.push({ name: fullName(line.id), reason: line.skipped })
      } else if (!line.passed && line.failure !== null) {
        failures.push({ name: fullName(line.id), place: line.place, detail: line.failure })
      } else if (line.passed && !line.suite) passed++
    }
  }
  const leaves = [...open].filter((id) => ![...open].some((other) => names.get(other)?.parent === id))
  return { passed, failures, skipped, open: leaves.map(fullName), finished }
}

/** What is wrong with the file beyond its failed tests. */
function fileFailures(file: string, end: ProcessEnd, outcome: Outcome, options: RunFileOptions): readonly Failure[] {
  const fail = (name: string, detail: string): readonly Failure[] => [{ name, place: file, detail }]
  const open = outcome.open.length > 0 ? `in progress: ${outcome.open.join('; ')}` : 'no test was in progress'
  if (end.timedOut) return fail(`the file did not end within ${options.timeoutMs / 1000} s`, open)
  if (options.signal.aborted) return fail('interrupted', open)
  const count = outcome.passed + outcome.failures.length + outcome.skipped.length
  // Without any test, Node's runner ends without a word.
  if (count === 0 && end.code === 0 && outcome.open.length === 0) {
    return options.namePattern === null ? fail('the file has no tests', '') : []
  }
  const ended = end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`
  if (!outcome.finished) return fail(`the process ended before its tests did (${ended})`, open)
  if (end.code !== 0 && outcome.failures.length === 0) return fail(`the process failed (${ended})`, open)
  return []
}
