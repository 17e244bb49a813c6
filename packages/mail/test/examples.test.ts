import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = new URL('../examples/', import.meta.url)

describe('examples', () => {
  for (const file of readdirSync(folder)) {
    it(`${file} runs and says ok`, () => {
      const output = execFileSync(process.execPath, [fileURLToPath(new URL(file, folder))], { encoding: 'utf8' })
      assert.match(output, /^ok$/m)
    })
  }
})
