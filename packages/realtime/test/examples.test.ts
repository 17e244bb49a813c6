import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = new URL('../examples/', import.meta.url)
const read = (url: URL) => readFileSync(url, 'utf8')
const examples = readdirSync(folder)

describe('examples', () => {
  for (const file of examples) {
    it(`${file} runs and says ok`, () => {
      const output = execFileSync(process.execPath, [fileURLToPath(new URL(file, folder))], { encoding: 'utf8' })
      assert.match(output, /^ok$/m)
    })
  }

  it('are what the README shows', () => {
    const code = examples.map((file) => read(new URL(file, folder))).join('\n')
    const [, shown = ''] = /```ts\n([\s\S]*?)```/.exec(read(new URL('../README.md', import.meta.url))) ?? []
    const lines = shown.split('\n').map((line) => line.trim())
    assert.ok(lines.length > 5)
    assert.deepEqual(
      lines.filter((line) => !code.includes(line)),
      [],
    )
  })
})
