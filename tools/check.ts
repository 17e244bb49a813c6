// `npm run check`: everything that has to hold before a change lands, in the order in which it fails fastest. It is what CI runs.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** The npm scripts, in order. The tests come last, so that their summary is the last line. */
const STEPS = ['lint', 'typecheck', 'boundaries', 'sizes', 'configuration', 'schema', 'openapi', 'errors', 'test']

for (const step of STEPS) {
  const begun = performance.now()
  const { status, signal } = spawnSync('npm', ['run', '--silent', '--ignore-scripts', step], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  if (status !== 0) {
    console.error(`check: ${step} failed${signal ? ` (${signal})` : ''}`)
    process.exit(status ?? 1)
  }
  if (step !== STEPS.at(-1))
    console.log(`check: ${step} passed in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
}
