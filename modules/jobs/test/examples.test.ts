import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { engines } from '@stoa/testkit'
import { startSuite } from './setup.ts'

for (const engine of engines) {
  it(`the example asks for a task and sees it done, on ${engine}`, async () => {
    await using suite = await startSuite(engine)
    await suite.work()
    const example = fileURLToPath(new URL('../examples/follow-task.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [example, 'test.echo', '{"text":"hi"}'], {
      env: { ...process.env, STOA_URL: suite.url, STOA_KEY: 'pooled *' },
      timeout: 120_000,
    })
    const told = stdout.trim().split('\n')
    assert.deepEqual(
      told.filter((line) => !line.startsWith('task.progress')),
      ['task.queued ""', 'task.started ""', 'task.done {"text":"hi"}'],
    )
  })
}
