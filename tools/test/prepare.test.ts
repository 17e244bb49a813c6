import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type TemporaryFolder, temporaryFolder } from './repository.ts'

const SCRIPT = readFileSync(join(import.meta.dirname, '../prepare.mjs'), 'utf8')

const LOCK = {
  packages: {
    '': { name: 'root' },
    'packages/db': { version: '0.1.0' },
    'node_modules/@stoa/db': { resolved: 'packages/db', link: true },
    'node_modules/pg': { version: '8.0.0', integrity: 'sha512-a' },
    'node_modules/for-mac': { version: '1.0.0', integrity: 'sha512-b', optional: true },
  },
}
/** What npm notes after it installed LOCK on Linux. */
const RECORD = {
  packages: {
    'packages/db': { version: '0.1.0' },
    'node_modules/@stoa/db': { resolved: 'packages/db', link: true },
    'node_modules/pg': { version: '8.0.0', integrity: 'sha512-a' },
  },
}

/** Stands for npm: notes how it was called, and installs what the lock file says. */
const NPM = `
import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs'
appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n')
if (process.env.NPM_FAILS) process.exit(7)
await new Promise((resolve) => setTimeout(resolve, 200))
mkdirSync('node_modules/.bin', { recursive: true })
writeFileSync('node_modules/.bin/node', '#!/bin/sh\\necho v24.1.0\\n')
chmodSync('node_modules/.bin/node', 0o755)
writeFileSync('node_modules/.package-lock.json', ${JSON.stringify(JSON.stringify(RECORD))})
`

function clone(files: Record<string, string | object> = {}): TemporaryFolder {
  return temporaryFolder({
    'tools/prepare.mjs': SCRIPT,
    'npm.js': NPM,
    'package.json': { type: 'module' },
    'package-lock.json': LOCK,
    ...files,
  })
}

const INSTALLED = { 'node_modules/.package-lock.json': RECORD }

async function prepare({ root }: TemporaryFolder, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(root, 'tools/prepare.mjs')], {
    cwd: '/',
    env: { ...process.env, npm_execpath: join(root, 'npm.js'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const [code] = (await once(child, 'close')) as [number]
  const calls = existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : []
  return { code, output, calls }
}

describe('the preparation of a command', () => {
  it('installs from the lock file on a fresh clone, says so, and is silent from then on', async () => {
    using folder = clone()
    const first = await prepare(folder)
    assert.equal(first.code, 0)
    assert.match(first.output, /Installing the packages that Stoa needs[^\n]*\n(.*\n)*Installed in \d+ s\./)
    assert.equal(first.calls.length, 1)
    assert.match(first.calls[0] ?? '', /^ci /)
    const second = await prepare(folder)
    assert.deepEqual(second, { code: 0, output: '', calls: first.calls })
  })

  it('does nothing where npm has installed the same already, without the packages for other platforms', async () => {
    using folder = clone(INSTALLED)
    assert.deepEqual(await prepare(folder), { code: 0, output: '', calls: [] })
  })

  const stale: Record<string, object> = {
    'a package is missing': { ...LOCK.packages, 'node_modules/new': { version: '1.0.0' } },
    'a package has another version': { ...LOCK.packages, 'node_modules/pg': { version: '8.0.1' } },
    'a package is too many': { 'node_modules/@stoa/db': LOCK.packages['node_modules/@stoa/db'] },
    'a workspace is new': { ...LOCK.packages, 'node_modules/@stoa/new': { resolved: 'packages/new', link: true } },
  }
  for (const [what, packages] of Object.entries(stale)) {
    it(`installs again when ${what}`, async () => {
      using folder = clone({ ...INSTALLED, 'package-lock.json': { packages } })
      assert.equal((await prepare(folder)).calls.length, 1)
    })
  }

  it('installs again when the lock file has changed since', async () => {
    using folder = clone(INSTALLED)
    await prepare(folder)
    folder.write('package-lock.json', { packages: { ...LOCK.packages, 'node_modules/new': { version: '1.0.0' } } })
    assert.equal((await prepare(folder)).calls.length, 1)
  })

  it('installs again after an installation that was interrupted', async () => {
    using folder = clone(INSTALLED)
    await prepare(folder)
    rmSync(join(folder.root, 'node_modules/.package-lock.json'))
    assert.equal((await prepare(folder)).calls.length, 1)
  })

  it('fails when npm does, and does not take it for installed the next time', async () => {
    using folder = clone()
    const failed = await prepare(folder, { NPM_FAILS: '1' })
    assert.equal(failed.code, 1)
    assert.match(failed.output, /The installation failed/)
    assert.equal((await prepare(folder)).code, 0)
  })

  it('installs once when two commands begin at the same time', async () => {
    using folder = clone()
    const both = await Promise.all([prepare(folder), prepare(folder)])
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
    )
    assert.equal(readFileSync(join(folder.root, 'calls'), 'utf8').trim().split('\n').length, 1)
  })

  it('says which Node it needs', async () => {
    // Plain JavaScript, so its types are said here.
    const script: string = '../prepare.mjs'
    const { complaintAboutNode } = (await import(script)) as { complaintAboutNode(version: string): string | null }
    assert.equal(complaintAboutNode('20.0.0'), null)
    assert.equal(complaintAboutNode('100.1.0'), null)
    assert.match(
      complaintAboutNode('18.20.4') ?? '',
      /needs Node 20 or newer to install itself; this is Node 18\.20\.4/,
    )
  })
})
