import assert from 'node:assert/strict'
import { it } from 'node:test'
import { engines } from '@stoa/testkit'
import { describeExamples, runExample } from '@stoa/testkit/examples'
import { startSuite } from './setup.ts'

describeExamples(import.meta.url, { runElsewhere: ['short-link.ts'] })

for (const engine of engines) {
  it(`the example makes a link, follows it and sees the click, on ${engine}`, async () => {
    await using suite = await startSuite(engine)
    const env = { STOA_URL: suite.url, STOA_KEY: 'pooled links:read links:write' }
    assert.deepEqual((await runExample(import.meta.url, 'short-link.ts', { env })).trim().split('\n'), [
      '7 characters lead to https://example.com/spring',
      '302 https://example.com/spring',
      '1 click',
    ])
  })
}
