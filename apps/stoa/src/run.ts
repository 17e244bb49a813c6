/*
 * From the words of the command line to an exit code: 0 done, 1 not done, 2 misspelt, 130 or 143 stopped at once by a
 * second signal.
 */
import { writeSync } from 'node:fs'
import { type Command, readCommandLine } from './command-line.ts'
import { COMMANDS } from './commands/index.ts'
import { type Config, configOf } from './config/config.ts'
import { readEnvironment, startedByNpm, tracingEnvironment } from './config/env.ts'
import { failureOf, Refusal } from './failure.ts'
import type { Program } from './program.ts'
import { listenForStop, type StopSignals } from './stop-signals.ts'
import { VERSION } from './version.ts'

/** Does what the words say. Never throws. */
export async function run(words: readonly string[], commands: readonly Command[] = COMMANDS): Promise<number> {
  let config: Config | null = null
  let signals: StopSignals | null = null
  const program: Program = {
    config() {
      config ??= configOf(readEnvironment(), tracingEnvironment(), process.stderr.isTTY === true)
      return config
    },
    print: (text) => void process.stdout.write(`${text}\n`),
    complain: (text) => void process.stderr.write(`${text}\n`),
    stopping() {
      signals ??= listenForStop(stopAtOnce, { byNpm: startedByNpm() })
      return signals.signal
    },
  }
  try {
    const request = readCommandLine(words, commands, VERSION)
    if ('command' in request) return await request.command.run(program, request.input)
    program.print(request.help)
    return 0
  } catch (error) {
    program.complain(`stoa: ${failureOf(error, config).text}`)
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
