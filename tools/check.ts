// `npm run check`: everything that has to hold before a change lands. It is what CI runs.
//
// First what can be known without the tests: each step is an npm script of that name, and where one says that a
// committed file has drifted, `<name>:write` writes it. Then the tests, so that their summary is the last line.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { runSteps, type StepOutcome } from './steps.ts'

const ROOT = join(import.meta.dirname, '..')

/** In the order in which they begin: the long ones first. */
const STEPS = [
  'typecheck',
  'schema',
  'openapi',
  'deadcode',
  'lint',
  'boundaries',
  'errors',
  'configuration',
  'sizes',
] as const

/** The type check and the databases keep two cores busy; more at a time would not be faster. */
const LANES = 2

const script = (name: string) => ['run', '--silent', '--ignore-scripts', name]

async function run(name: string): Promise<StepOutcome> {
  const child = spawn('npm', script(name), { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (text: string) => {
    output += text
  }
  child.stdout.setEncoding('utf8').on('data', collect)
  child.stderr.setEncoding('utf8').on('data', collect)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

const failed = await runSteps(STEPS, { lanes: LANES, run, say: (text) => console.log(text) })
if (failed.length > 0) {
  console.error(`check: ${failed.join(', ')} failed; the tests were not run`)
  process.exitCode = 1
} else {
  const { status } = spawnSync('npm', script('test'), { cwd: ROOT, stdio: 'inherit' })
  process.exitCode = status ?? 1
}
