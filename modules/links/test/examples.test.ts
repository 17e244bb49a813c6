import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { engines } from '@stoa/testkit'
import { startSuite } from './setup.ts'

for (const engine of engines) {
  it(`the example makes a link, follows it and sees the click, on ${engine}`, async () => {
    await using suite = await startSuite(engine)
    const example = fileURLToPath(new URL('../examples/short-link.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [example], {
      env: { ...process.env, STOA_URL: suite.url, STOA_KEY: 'pooled links:read links:write' },
      timeout: 120_000,
    })
    assert.deepEqual(stdout.trim().split('\n'), [
      '7 characters lead to https://example.com/spring',
      '302 https://example.com/spring',
      '1 click',
    ])
  })
}
