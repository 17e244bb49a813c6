import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { temporaryFolder } from './repository.ts'

const SCRIPT = join(import.meta.dirname, '../pack.ts')
const REFUSING = join(import.meta.dirname, '../refuse-pack.mjs')

function run(command: string, words: readonly string[], cwd: string) {
  const { status, stderr, stdout } = spawnSync(command, words, { cwd, encoding: 'utf8' })
  return { status, stderr, stdout }
}

const USE = `
import { isId, newId } from '@stoa/kernel'
import { createLimiter, createMemoryStore } from '@stoa/limiter'
const limiter = createLimiter({ store: createMemoryStore() })
const one = limiter.policy('one', { capacity: 1, refillPerSecond: 0.001 })
const take = async () => (await limiter.take([one.of('a')])).allowed
console.log(await take(), await take(), isId(newId()))
`

describe('npm run pack', () => {
  it('makes files that any other program installs: compiled, with types, and with what they need of each other', () => {
    using other = temporaryFolder({ 'use.mjs': USE })
    const packed = join(other.root, 'files')
    const made = run(process.execPath, [SCRIPT, 'limiter', 'packages/queue', '--to', packed], other.root)
    assert.equal(made.status, 0, made.stderr)
    const files = readdirSync(packed).sort()
    assert.deepEqual(
      files,
      ['db', 'kernel', 'limiter', 'queue'].map((name) => `stoa-${name}-0.1.0.tgz`),
    )
    for (const file of files) assert.match(made.stdout, new RegExp(`npm install .*${join(packed, file)}`))
    for (const name of ['limiter', 'kernel']) {
      const folder = join(other.root, 'node_modules/@stoa', name)
      mkdirSync(folder, { recursive: true })
      run('tar', ['-xzf', join(packed, `stoa-${name}-0.1.0.tgz`), '-C', folder, '--strip-components=1'], other.root)
      assert.deepEqual(readdirSync(folder).sort(), ['LICENSE', 'README.md', 'dist', 'package.json'])
      assert.match(readFileSync(join(folder, 'dist/index.d.ts'), 'utf8'), /export /)
      const { devDependencies, scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      assert.deepEqual([devDependencies, scripts], [undefined, undefined])
    }
    const used = run(process.execPath, ['use.mjs'], other.root)
    assert.equal(used.stdout, 'true false true\n', used.stderr)
  })

  it('is the only way: npm pack inside of a package makes no file, and says what does', () => {
    using other = temporaryFolder()
    for (const [folder, instead] of [
      ['packages/kernel', 'npm run pack -- kernel'],
      ['packages/testkit', 'It stays here: while it runs'],
      ['modules/mail', 'It is a room of the program'],
    ] as const) {
      const refused = run(
        'npm',
        ['pack', '--ignore-scripts=false', '--pack-destination', other.root],
        join(import.meta.dirname, '../..', folder),
      )
      assert.notEqual(refused.status, 0)
      assert.ok(refused.stderr.includes(instead), refused.stderr)
    }
    assert.deepEqual(readdirSync(other.root), [])
    const env = { npm_package_name: '@stoa/mail-room', npm_package_json: '/packages/stoa/modules/mail/package.json' }
    const below = spawnSync(process.execPath, [REFUSING], { encoding: 'utf8', env })
    assert.match(below.stderr, /It is a room of the program/, 'a clone below a folder of that name')
  })

  it('says which packages there are, and what it takes', () => {
    using other = temporaryFolder()
    const unknown = run(process.execPath, [SCRIPT, 'limitr'], other.root)
    assert.deepEqual([unknown.status, /no package 'limitr'.*limiter/.test(unknown.stderr)], [1, true])
    const kit = run(process.execPath, [SCRIPT, 'testkit'], other.root)
    assert.deepEqual([kit.status, /^testkit stays here: .*reads the sources/.test(kit.stderr)], [1, true], kit.stderr)
    assert.match(run(process.execPath, [SCRIPT], other.root).stderr, /Usage: npm run pack/)
  })
})
