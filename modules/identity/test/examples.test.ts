import assert from 'node:assert/strict'
import { it } from 'node:test'
import { engines } from '@stoa/testkit'
import { describeExamples, runExample } from '@stoa/testkit/examples'
import { startSuite } from './setup.ts'

describeExamples(import.meta.url, { runElsewhere: ['sign-in-page.ts'] })

for (const engine of engines) {
  it(`the example makes a sign-in page an organisation's own, on ${engine}`, async () => {
    await using suite = await startSuite(engine)
    const env = { STOA_URL: suite.url, STOA_KEY: 'pooled apiKey key identity:configure', STOA_TENANT: 'pooled' }
    assert.deepEqual((await runExample(import.meta.url, 'sign-in-page.ts', { env })).trim().split('\n'), [
      'Acme में साइन इन करें – Acme',
      'anybody may register',
    ])
  })
}
