/*
 * From the words of the command line to an exit code: 0 done, 1 not done, 2 misspelt, 130 or 143 stopped at once by a
 * second signal.
 */
import { writeSync } from 'node:fs'
import { readCommandLine } from './command-line.ts'
import { COMMANDS } from './commands/index.ts'
import { type Config, configOf } from './config/config.ts'
import { type Env, readEnvironment, startedByNpm, tracingEnvironment } from './config/env.ts'
import { failureOf, Refusal } from './failure.ts'
import type { Program } from './program.ts'
import { listenForStop, type StopSignals } from './stop-signals.ts'
import { VERSION } from './version.ts'

/** What a command meets of the process that it runs in. */
export interface Surroundings {
  /** Its variables. Default: those of the process. */
  readonly env?: Env
  /** Whether a person reads what goes to stderr. */
  readonly isTerminal: boolean
  /** Write a line (or lines) to stdout, and to stderr. */
  readonly print: (text: string) => void
  readonly complain: (text: string) => void
}

const PROCESS: Surroundings = {
  isTerminal: process.stderr.isTTY === true,
  print: (text) => void process.stdout.write(`${text}\n`),
  complain: (text) => void process.stderr.write(`${text}\n`),
}

/** Does what the words say. Never throws. */
export async function run(words: readonly string[], surroundings: Surroundings = PROCESS): Promise<number> {
  const { complain, env, isTerminal, print } = surroundings
  let config: Config | null = null
  let signals: StopSignals | null = null
  const program: Program = {
    config() {
      config ??= configOf(readEnvironment(env), tracingEnvironment(env), isTerminal)
      return config
    },
    print,
    complain,
    stopping() {
      signals ??= listenForStop(stopAtOnce, { byNpm: startedByNpm(env) })
      return signals.signal
    },
  }
  try {
    const request = readCommandLine(words, COMMANDS, VERSION)
    if ('command' in request) return await request.command.run(program, request.input)
    print(request.help)
    return 0
  } catch (error) {
    complain(`stoa: ${failureOf(error, config).text}`)
    return error instanceof Refusal ? error.exitCode : 1
  } finally {
    const open = signals as StopSignals | null
    open?.[Symbol.dispose]()
  }
}

/** What is committed is safe: PostgreSQL has it, and PGlite's folder survives the end of its process. */
function stopAtOnce(exitCode: number): void {
  writeSync(2, 'stoa: stopped at once\n')
  process.exit(exitCode)
}
