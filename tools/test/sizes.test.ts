import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { measure, reportSizes, tooLong } from '../sizes.ts'
import { temporaryFolder } from './repository.ts'

const lines = (count: number, line = '  step()') => `${line}\n`.repeat(count)

function sizesOf(path: string, text: string) {
  using folder = temporaryFolder({ 'packages/db/package.json': { name: '@stoa/db' }, [path]: text })
  return measure(folder.root)
}

describe('sizes', () => {
  it('takes a file of 600 lines and a function of 80, and refuses one more', () => {
    const path = 'packages/db/src/a.ts'
    assert.deepEqual(tooLong(sizesOf(path, lines(600, 'step()'))), [])
    assert.deepEqual(tooLong(sizesOf(path, lines(601, 'step()'))), [`${path} has 601 lines`])
    assert.deepEqual(tooLong(sizesOf(path, `function all() {\n${lines(78)}}\n`)), [])
    assert.deepEqual(tooLong(sizesOf(path, `function all() {\n${lines(79)}}\n`)), [`${path}:1 all has 81 lines`])
  })

  it('measures arrow functions and methods as well', () => {
    const long = `{\n${lines(80)}}`
    for (const text of [
      `const f = () => ${long}\n`,
      `class A { m() ${long} }\n`,
      `export default async () => ${long}\n`,
    ]) {
      assert.equal(tooLong(sizesOf('packages/db/src/a.ts', text)).length, 1, text.slice(0, 30))
    }
  })

  it('does not count types, tables at the top level and multi-line texts', () => {
    const texts = [
      `interface A {\n${lines(900, '  a: 1')}}\n`,
      `export const TABLE = {\n${lines(900, '  a: 1,')}} as const\n`,
      `const sql = \`\n${lines(900, '  select 1')}\`\n`,
      `function query() {\n  return \`\n${lines(900, '  select 1')}\`\n}\n`,
    ]
    for (const text of texts) assert.deepEqual(tooLong(sizesOf('packages/db/src/a.ts', text)), [])
  })

  it('counts a table inside of a function', () => {
    const text = `function all() {\n  return {\n${lines(90, '    a: 1,')}  }\n}\n`
    assert.equal(tooLong(sizesOf('packages/db/src/a.ts', text)).length, 1)
  })

  it('does not take the callback of describe for a function, but a test is one', () => {
    const container = `describe('a', () => {\n${lines(100, "  it('b', () => {})")}})\n`
    assert.deepEqual(tooLong(sizesOf('packages/db/test/a.test.ts', container)), [])
    const test = `describe('a', () => {\n  it('b', () => {\n${lines(100)}  })\n})\n`
    assert.deepEqual(tooLong(sizesOf('packages/db/test/a.test.ts', test)), [
      'packages/db/test/a.test.ts:2 has 102 lines',
    ])
  })

  it('leaves migrations out', () => {
    assert.deepEqual(sizesOf('packages/db/src/migrations/0001.ts', lines(900)).files, [])
  })

  it('are reported with the longest, and summed up in the last line', () => {
    const sizes = sizesOf('packages/db/src/a.ts', `${lines(350)}function f() {\n${lines(10)}}\n`)
    const report = reportSizes(sizes)
    assert.ok(report.includes(' 362 packages/db/src/a.ts'))
    assert.equal(
      report.at(-1),
      '1 files: p50 362, p90 362 (over the aim of 300), max 362 lines; 1 functions: p50 12, p90 12, max 12 lines',
    )
  })
})
