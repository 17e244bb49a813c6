/*
 * A process in which test files run one after the other, watched from outside: what one has imported and V8 compiled is
 * there for the next. Node's own way to share a process (`--test-isolation=none`) makes the hooks of one file those of all,
 * and does not know how long a single file takes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { setImmediate as immediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Failure, FileOutcome, type Skipped } from './file-outcome.ts'
import { END } from './marks.ts'
import type { Message } from './reporter.ts'

const PROGRAM = fileURLToPath(new URL('./test-program.ts', import.meta.url))
const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url))
const OUTPUT_KEPT = 200_000
/** Many a PGlite is opened in one process: what V8 optimises once is there for all of them. */
const OPTIMISE_PGLITE = '--wasm-dynamic-tiering'
/** A timer that nobody waits for may keep a process a while. */
const FAREWELL_MS = 60_000

/** What a file's run came to. */
export interface FileResult {
  readonly file: string
  readonly passed: number
  readonly failures: readonly Failure[]
  readonly skipped: readonly Skipped[]
  readonly durationMs: number
  /** What the process wrote meanwhile, cut to its end when it is long. */
  readonly output: string
}

/** Options of {@link TestProcess}. */
export interface TestProcessOptions {
  /** The folder that files are relative to. */
  readonly root: string
  /** How long a file may take, in ms. */
  readonly timeoutMs: number
  /** How long the process may stay after its last file, in ms. Default: 60,000. */
  readonly farewellMs?: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Only tests whose name matches this regular expression. */
  readonly namePattern: string | null
  /** Ends the process and its children at once. */
  readonly signal: AbortSignal
}

interface Run {
  readonly outcome: FileOutcome
  readonly over: () => void
  output: string
  timedOut: boolean
}

/** Runs files, one at a time. Nothing here rejects: whatever goes wrong is a failure in a result. */
export class TestProcess {
  readonly #options: TestProcessOptions
  readonly #child: ChildProcess
  readonly #files: string[] = []
  readonly #end: Promise<void>
  #run: Run | null = null
  /** How it ended, in words; null while it runs. */
  #ending: string | null = null
  #failed = false

  constructor(options: TestProcessOptions) {
    this.#options = options
    const args = [OPTIMISE_PGLITE, `--test-reporter=${REPORTER}`, '--test-reporter-destination=stdout']
    if (options.namePattern !== null)
      args.push(...[options.namePattern, `^${END}$`].map((name) => `--test-name-pattern=${name}`))
    this.#child = spawn(process.execPath, [...args, PROGRAM], {
      cwd: options.root,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: what the tests start ends with it.
      detached: true,
    })
    this.#end = this.#watch()
  }

  /** Whether it can take another file. */
  get isFit(): boolean {
    return this.#ending === null
  }

  /** Runs the tests of a file. */
  async run(file: string): Promise<FileResult> {
    const { timeoutMs } = this.#options
    this.#files.push(file)
    const begun = performance.now()
    const { promise, resolve } = Promise.withResolvers<void>()
    const run: Run = { outcome: new FileOutcome(file), over: resolve, output: '', timedOut: false }
    this.#run = run
    const timer = this.#endAfter(timeoutMs, run)
    if (this.isFit) this.#child.send(file, () => {})
    await Promise.race([promise, this.#end])
    clearTimeout(timer)
    // What was written last comes by another pipe.
    await immediate()
    this.#run = null
    const { outcome, output } = run
    const failures = [...outcome.failures, ...this.#fileFailures(file, run)]
    if (failures.length > 0) this.#failed = true
    const { passed, skipped } = outcome
    return { file, passed, failures, skipped, durationMs: performance.now() - begun, output }
  }

  /** Lets it end. @returns what is wrong with how it did, as a result of the last file; null when nothing is */
  async close(): Promise<FileResult | null> {
    // A file that ended it has told of that.
    if (!this.isFit && this.#failed) return null
    const begun = performance.now()
    const run: Run = { outcome: new FileOutcome(''), over: () => {}, output: '', timedOut: false }
    this.#run = run
    const timer = this.#endAfter(this.#options.farewellMs ?? FAREWELL_MS, run)
    // Not by disconnecting here: no `close` would come then.
    this.#child.send('', () => {})
    await this.#end
    clearTimeout(timer)
    if (this.#options.signal.aborted) return null
    const bad = run.timedOut ? 'the process did not end after its tests' : this.#badEnding()
    if (bad === null) return null
    const [file = ''] = this.#files.slice(-1)
    const failures = [{ name: bad, place: file, detail: `files that ran in it: ${this.#files.join(', ')}` }]
    return { file, passed: 0, failures, skipped: [], durationMs: performance.now() - begun, output: run.output }
  }

  #endAfter(ms: number, run: Run): NodeJS.Timeout {
    return setTimeout(() => {
      run.timedOut = true
      this.#kill()
    }, ms)
  }

  /** What is wrong with the file beyond its failed tests. */
  #fileFailures(file: string, { outcome, timedOut }: Run): readonly Failure[] {
    const { namePattern, signal, timeoutMs } = this.#options
    const inProgress = outcome.inProgress()
    const open = inProgress.length > 0 ? `in progress: ${inProgress.join('; ')}` : 'no test was in progress'
    const fail = (name: string, detail: string) => [{ name, place: file, detail }]
    if (timedOut) return fail(`the file did not end within ${timeoutMs / 1000} s`, open)
    if (signal.aborted) return fail('interrupted', open)
    if (!outcome.ended) return fail(`the process ended before its tests did (${this.#ending})`, open)
    const count = outcome.passed + outcome.failures.length + outcome.skipped.length
    return count === 0 && namePattern === null ? fail('the file has no tests', '') : []
  }

  /** Node ends with 1 when a test failed, which is known. */
  #badEnding(): string | null {
    const asExpected = this.#ending === 'exit code 0' || (this.#failed && this.#ending === 'exit code 1')
    return asExpected ? null : `the process failed after its tests (${this.#ending})`
  }

  #watch(): Promise<void> {
    const child = this.#child
    const { signal } = this.#options
    const kill = () => this.#kill()
    const read = (chunk: string) => {
      if (this.#run !== null) this.#run.output = (this.#run.output + chunk).slice(-OUTPUT_KEPT)
    }
    signal.addEventListener('abort', kill, { once: true })
    if (signal.aborted) kill()
    child.on('message', (message: Message) => this.#take(message))
    child.stdout?.setEncoding('utf8').on('data', read)
    child.stderr?.setEncoding('utf8').on('data', read)
    child.once('error', (error) => read(`${error.message}\n`))
    // After the exit, a grandchild may hold the pipes open: its output is not waited for.
    child.once('exit', () => setTimeout(() => child.stdout?.destroy() && child.stderr?.destroy(), 500).unref())
    return new Promise((resolve) => {
      child.once('close', (code, killedBy) => {
        signal.removeEventListener('abort', kill)
        this.#ending = killedBy === null ? `exit code ${code}` : `signal ${killedBy}`
        this.#kill()
        resolve()
      })
    })
  }

  #take(message: Message): void {
    if (this.#run === null) return
    this.#run.outcome.add(message)
    if (this.#run.outcome.ended) this.#run.over()
  }

  /** The process and everything it started, unless that moved to a session of its own. */
  #kill(): void {
    if (this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // Nothing of the group is left.
    }
  }
}
