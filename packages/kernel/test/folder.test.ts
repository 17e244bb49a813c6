import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makeFolder } from '@stoa/kernel'

describe('a folder', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'stoa-folder-'))
  })
  after(() => rm(root, { recursive: true, force: true }))
  const code = (name: string) => (error: NodeJS.ErrnoException) => error.code === name

  it('is made with those above it, is its owner’s alone, and may be there already', async () => {
    const path = join(root, 'a', 'b', 'c')
    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(root, 'a', 'd'))])
    await makeFolder(path)
    for (const made of ['a', 'a/b', 'a/b/c', 'a/d']) assert.equal((await stat(join(root, made))).mode & 0o777, 0o700)
  })

  it('is not made where a file is, nor where nothing can be made', async () => {
    const file = join(root, 'file')
    await writeFile(file, '')
    await assert.rejects(makeFolder(file), code('EEXIST'))
    await assert.rejects(makeFolder(join(file, 'below')), code('ENOTDIR'))
    // Linux says ENOENT; elsewhere there is no such folder, and none can be made at the root.
    await assert.rejects(makeFolder('/proc/stoa/deep'), /^Error: E[A-Z]+: /)
  })
})
