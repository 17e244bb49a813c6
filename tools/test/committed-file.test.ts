import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { drift, writeCommitted } from '../committed-file.ts'
import { temporaryFolder } from './repository.ts'

const file = { path: 'docs/deep/a.md', expected: 'one\ntwo\nthree\n', script: 'a:write' }

describe('a committed file that is generated', () => {
  it('is missing until it is written', () => {
    using folder = temporaryFolder()
    assert.equal(drift(folder.root, file), 'docs/deep/a.md is missing: npm run a:write writes it')
    writeCommitted(folder.root, file)
    assert.equal(drift(folder.root, file), null)
  })

  it('has drifted when one byte differs, and the first line that does is shown', () => {
    const cases: Record<string, RegExp> = {
      'one\n2\nthree\n': /\(line 2\)[\s\S]*committed: 2\n {2}given: {5}two/,
      'one\ntwo\nthree\nfour\n': /\(line 4\)[\s\S]*committed: four/,
      'one\ntwo\n': /\(line 3\)[\s\S]*given: {5}three/,
      'one\ntwo\nthree': /line 4/,
      '': /\(line 1\)/,
    }
    for (const [content, message] of Object.entries(cases)) {
      using folder = temporaryFolder({ [file.path]: content })
      assert.match(drift(folder.root, file) ?? '', message)
    }
  })
})
