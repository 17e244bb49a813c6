import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'

describe('the package', () => {
  it('stands alone: it imports parts of Node and of itself, and has no dependencies', () => {
    const folder = new URL('../src/', import.meta.url)
    for (const file of readdirSync(folder)) {
      const source = readFileSync(new URL(file, folder), 'utf8')
      for (const [, specifier = ''] of source.matchAll(/(?:from|import\()\s*'([^']+)'/g)) {
        assert.match(specifier, /^(node:|\.\/)/, `${file} imports ${specifier}`)
      }
    }
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    assert.deepEqual([manifest.dependencies, manifest.peerDependencies], [undefined, undefined])
  })
})
