import assert from 'node:assert/strict'
import type { Finished } from './program.ts'

/**
 * It ended with a code that is not 0 and one line that says why: no stack, no answer, nothing else but information in
 * the log.
 */
export function refused({ code, stderr, stdout }: Finished, why: RegExp, exitCode = 1): void {
  assert.equal(code, exitCode, stderr)
  assert.equal(stdout, '')
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{"level":"info"'))
  assert.equal(lines.length, 1, stderr)
  assert.match(lines[0] as string, /^stoa: \S/)
  assert.match(lines[0] as string, why)
}
