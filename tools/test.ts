// `npm test [-- words… --grep=… --timeout=… --concurrency=… --verbose --list]`
//
// Runs the test files of the workspace on real engines, in a few processes. A word picks the files whose path contains
// it. The last line of output is `N passed, N failed, N skipped`.

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { provideEngines } from '@stoa/testkit/servers'
import { isAlone, matching, testFiles } from './testing/discover.ts'
import { createReport, type Report } from './testing/report.ts'
import { TestProcess, type TestProcessOptions } from './testing/test-process.ts'

const ROOT = join(import.meta.dirname, '..')
/** For one file. It ends what hangs, and must not end what is only slow because the machine has other work. */
const DEFAULT_TIMEOUT_MS = 600_000
/** Files at a time: some of them always wait, for a commit, a poll or a process that ends. Servers have room for so many. */
const DEFAULT_CONCURRENCY = Math.min(availableParallelism() + 2, 8)

/** Variables of a developer's shell that would change what tests see. */
const HIDDEN = /^(DATABASE_URL|REDIS_URL|PORT|NODE_OPTIONS|NODE_TEST_CONTEXT|OTEL_.*|STOA_.*)$/

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})

async function main(): Promise<number> {
  const options = readOptions()
  const files = matching(testFiles(ROOT), options.words)
  if (options.list) {
    for (const file of files) console.log(file)
    return 0
  }
  if (files.length === 0) throw new Error(`no test file has ${options.words.join(' or ') || '.test.ts'} in its path`)

  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => interrupt.abort(signal))
  }
  const begun = performance.now()
  await using engines = await provideEngines(undefined, (line) => console.log(line))
  console.log(`PostgreSQL from ${engines.origins.postgres}, Redis from ${engines.origins.redis}\n`)
  const report = createReport((line) => console.log(line))
  const waiting = [...files]
  const processOptions: TestProcessOptions = {
    root: ROOT,
    timeoutMs: options.timeoutMs,
    env: environment(engines.databaseUrl, engines.redisUrl),
    namePattern: options.grep,
    signal: interrupt.signal,
  }
  const lane = () => runFiles(waiting, processOptions, report, options.verbose)
  await Promise.all(Array.from({ length: options.concurrency }, lane))
  const code = report.end(performance.now() - begun)
  return interrupt.signal.aborted ? 130 : code
}

/** Takes files until there are none, and gives them to a process, or to others after it. */
async function runFiles(
  waiting: string[],
  options: TestProcessOptions,
  report: Report,
  verbose: boolean,
): Promise<void> {
  let process: TestProcess | null = null
  const close = async () => {
    const fault = await process?.close()
    if (fault) report.file(fault, verbose)
    process = null
  }
  for (let file = waiting.shift(); file !== undefined && !options.signal.aborted; file = waiting.shift()) {
    const alone = isAlone(ROOT, file)
    if (alone || !process?.isFit) await close()
    process ??= new TestProcess(options)
    const result = await process.run(file)
    if (options.namePattern === null || result.passed + result.failures.length > 0) report.file(result, verbose)
    if (alone) await close()
  }
  await close()
}

interface Options {
  readonly words: readonly string[]
  readonly grep: string | null
  readonly timeoutMs: number
  readonly concurrency: number
  readonly verbose: boolean
  readonly list: boolean
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      grep: { type: 'string', short: 'g' },
      timeout: { type: 'string' },
      concurrency: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  })
  return {
    words: positionals,
    grep: values.grep ?? null,
    timeoutMs: positive('timeout', values.timeout ?? process.env.STOA_TEST_TIMEOUT_MS, DEFAULT_TIMEOUT_MS),
    concurrency: positive('concurrency', values.concurrency ?? process.env.STOA_TEST_CONCURRENCY, DEFAULT_CONCURRENCY),
    verbose: values.verbose,
    list: values.list,
  }
}

function positive(name: string, given: string | undefined, standard: number): number {
  if (given === undefined) return standard
  const value = Number(given)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name} must be a whole number of at least 1, not ${given}`)
  return value
}

function environment(databaseUrl: string, redisUrl: string): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(process.env)) if (!HIDDEN.test(name)) env[name] = value
  return {
    // Every file is a process, and many start the program: what they load is compiled once.
    NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/node-compile'),
    ...env,
    STOA_TEST_DATABASE_URL: databaseUrl,
    STOA_TEST_REDIS_URL: redisUrl,
  }
}
