import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { changedSince, commit } from '../report.ts'

describe('the commit that a benchmark is of', () => {
  it('differs from the sources when one was changed, added or committed since; results and documents are none', () => {
    using stack = new DisposableStack()
    const root = mkdtempSync(join(tmpdir(), 'stoa-bench-'))
    stack.defer(() => rmSync(root, { recursive: true, force: true }))
    const write = (path: string, content: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), content)
    }
    for (const path of ['packages/db/src/a.ts', 'bench/http.ts', 'bench/README.md', 'bench/results/http.json'])
      write(path, 'one')
    write('.gitignore', 'node_modules/')
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: root })
    git('init', '--quiet')
    git('add', '.')
    git('commit', '--quiet', '--message=one')
    const first = commit(root)
    assert.match(first, /^[0-9a-f]{10}$/)

    for (const path of ['bench/results/http.json', 'bench/results/new.json', 'bench/README.md', 'docs/a.md'])
      write(path, 'two')
    write('packages/db/README.md', 'two')
    write('packages/db/node_modules/x/index.js', 'two')
    assert.deepEqual(changedSince(root, first), [])

    write('packages/db/src/a.ts', 'two')
    write('modules/links/src/new.ts', 'two')
    assert.deepEqual(changedSince(root, first), ['packages/db/src/a.ts', 'modules/links/src/new.ts'])

    git('add', '.')
    git('commit', '--quiet', '--message=two')
    assert.deepEqual(changedSince(root, commit(root)), [])
    assert.equal(changedSince(root, first).length, 2)
  })
})
