import assert from 'node:assert/strict'
import { it } from 'node:test'
import { engines } from '@stoa/testkit'
import { describeExamples, runExample } from '@stoa/testkit/examples'
import { startSuite } from './setup.ts'

describeExamples(import.meta.url, { runElsewhere: ['follow-task.ts'] })

for (const engine of engines) {
  it(`the example asks for a task and sees it done, on ${engine}`, async () => {
    await using suite = await startSuite(engine)
    await suite.work()
    const told = await runExample(import.meta.url, 'follow-task.ts', {
      args: ['test.echo', '{"text":"hi"}'],
      env: { STOA_URL: suite.url, STOA_KEY: 'pooled *' },
    })
    const lines = told.trim().split('\n')
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('task.progress')),
      ['task.queued ""', 'task.started ""', 'task.done {"text":"hi"}'],
    )
  })
}
