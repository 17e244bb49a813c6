import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import manifest from '../package.json' with { type: 'json' }

const MAIN = join(import.meta.dirname, '..', manifest.bin.stoa)
const OLD = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.11.0' } })"

/** The Node of this machine that is too old, where it has one. */
function oldNodes(): string[] {
  return ['/usr/bin/node', '/usr/local/bin/node'].filter((node) => {
    return (
      existsSync(node) &&
      Number.parseInt(execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }), 10) < 24
    )
  })
}

describe('a Node that is too old', () => {
  const pretending = [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(OLD)}`]
  for (const [node = '', ...options] of [pretending, ...oldNodes().map((path) => [path])]) {
    it(`is told in one sentence which one to use (${options.length > 0 ? 'pretended' : node})`, () => {
      const { status, stderr, stdout } = spawnSync(node, [...options, MAIN, 'version'], { encoding: 'utf8' })
      assert.match(stderr, /^stoa: Stoa runs on Node 24 or newer, and this is \d+\.\d+\.\d+\. .*'npm start'.*\n$/)
      assert.deepEqual([status, stdout], [1, ''])
    })
  }
})
