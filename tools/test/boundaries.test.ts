import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { boundaryViolations } from '../boundaries.ts'
import { temporaryFolder } from './repository.ts'

/** A small repository in which every rule holds. */
const SOUND = {
  'package.json': { devDependencies: { 'fast-check': '^4.0.0' } },
  'packages/kernel/package.json': { name: '@stoa/kernel', exports: { '.': './src/index.ts' } },
  'packages/kernel/src/index.ts': `export const one = 1\n`,
  'packages/db/package.json': {
    name: '@stoa/db',
    exports: { '.': './src/index.ts' },
    dependencies: { '@stoa/kernel': '0.1.0', pg: '^8.0.0' },
    devDependencies: { 'only-tests': '1.0.0' },
  },
  'packages/db/src/index.ts': `import { one } from '@stoa/kernel'\nimport pg from 'pg'\nimport 'node:fs'\nimport './a.ts'\n`,
  'packages/db/src/a.ts': `export const two = 2\n`,
  'packages/db/test/a.test.ts': `import '@stoa/db'\nimport 'fast-check'\nimport 'only-tests'\nimport '../src/a.ts'\nprocess.env.A\nprocess.exit(1)\n`,
  'packages/testkit/package.json': { name: '@stoa/testkit', exports: { '.': './src/index.ts' } },
  'packages/testkit/src/index.ts': `process.env.A\n`,
  'modules/links/package.json': {
    name: '@stoa/links',
    exports: { '.': './src/module.ts', './contract': './src/contract.ts' },
    dependencies: { '@stoa/db': '0.1.0' },
  },
  'modules/links/src/module.ts': `import '@stoa/db'\n`,
  'modules/links/src/contract.ts': `export type Link = string\n`,
  'modules/boards/package.json': {
    name: '@stoa/boards',
    exports: { '.': './src/module.ts' },
    dependencies: { '@stoa/links': '0.1.0' },
  },
  'modules/boards/src/module.ts': `import type { Link } from '@stoa/links/contract'\n`,
  'apps/stoa/package.json': {
    name: '@stoa/stoa',
    exports: { '.': './src/main.ts' },
    dependencies: { '@stoa/links': '0.1.0', '@stoa/db': '0.1.0' },
  },
  'apps/stoa/src/main.ts': `import '@stoa/links'\nimport '@stoa/db'\nprocess.exit(1)\n`,
  'apps/stoa/src/config/env.ts': `export const port = process.env.PORT\n`,
  'tools/check.ts': `import '@stoa/testkit'\nimport './other.ts'\nprocess.env.A\nprocess.exit(1)\n`,
}

function violations(changes: Record<string, string | object> = {}): readonly string[] {
  using folder = temporaryFolder({ ...SOUND, ...changes })
  return boundaryViolations(folder.root).map(({ path, line, message }) => `${path}:${line} ${message}`)
}

/** Exactly one rule is broken, at one place, and the message says which. */
function assertBroken(changes: Record<string, string | object>, place: string, message: RegExp): void {
  const found = violations(changes)
  assert.equal(found.length, 1, found.join('\n'))
  assert.ok(found[0]?.startsWith(`${place} `), found[0])
  assert.match(found[0] ?? '', message)
}

describe('boundaries', () => {
  it('finds nothing in a repository that keeps the rules', () => {
    assert.deepEqual(violations(), [])
  })

  it('finds a package that imports a module', () => {
    assertBroken(
      {
        'packages/db/src/a.ts': `\nexport { x } from '@stoa/links'\n`,
      },
      'packages/db/src/a.ts:2',
      /a package knows no module/,
    )
  })

  it('finds a module that imports another module past its contract', () => {
    assertBroken(
      { 'modules/boards/src/module.ts': `import '@stoa/links'\n` },
      'modules/boards/src/module.ts:1',
      /only through its contract: '@stoa\/links\/contract'/,
    )
  })

  it('finds a module that imports the app', () => {
    assertBroken(
      { 'modules/links/src/contract.ts': `import '@stoa/stoa'\n` },
      'modules/links/src/contract.ts:1',
      /is an app, which nobody may import/,
    )
  })

  it('finds an example that imports something of Stoa, yet lets it read its environment', () => {
    const folder = 'examples/garden'
    const manifest = { name: '@stoa/garden', dependencies: { '@stoa/db': '0.1.0' } }
    const own = { [`${folder}/package.json`]: manifest, [`${folder}/app.ts`]: 'export const port = process.env.PORT\n' }
    assert.deepEqual(violations(own), [])
    assertBroken(
      { ...own, [`${folder}/app.ts`]: `import '@stoa/db'\n` },
      `${folder}/app.ts:1`,
      /stands for a program of others/,
    )
  })

  it('finds an import that only hoisting makes possible', () => {
    assertBroken(
      { 'packages/db/src/a.ts': `import 'kysely/migration'\n` },
      'packages/db/src/a.ts:1',
      /'kysely' is not in the dependencies of packages\/db/,
    )
    assertBroken(
      { 'modules/links/src/contract.ts': `import '@stoa/kernel'\n` },
      'modules/links/src/contract.ts:1',
      /'@stoa\/kernel' is not in the dependencies/,
    )
  })

  it('finds one in a type, in import() and in a test, too', () => {
    const places = {
      'packages/db/src/a.ts': [
        `export type A = import('kysely').A\n`,
        `await import('kysely')\n`,
        `import type {} from 'kysely'\n`,
      ],
      'packages/db/test/a.test.ts': [`import 'kysely'\n`],
    }
    for (const [path, texts] of Object.entries(places)) {
      for (const text of texts) assertBroken({ [path]: text }, `${path}:1`, /'kysely' is/)
    }
  })

  it('finds a devDependency outside of the tests', () => {
    assertBroken(
      { 'packages/db/src/a.ts': `import 'only-tests'\n` },
      'packages/db/src/a.ts:1',
      /'only-tests' is a devDependency/,
    )
    assertBroken(
      { 'packages/db/src/a.ts': `import 'fast-check'\n` },
      'packages/db/src/a.ts:1',
      /'fast-check' is not in/,
    )
  })

  it('finds an import past the exports of a package', () => {
    for (const deep of ['@stoa/kernel/src/index.ts', '@stoa/kernel/ids']) {
      assertBroken({ 'packages/db/src/a.ts': `import '${deep}'\n` }, 'packages/db/src/a.ts:1', /does not export '\.\//)
    }
  })

  it('finds a path that leaves its package', () => {
    for (const path of ['../../kernel/src/index.ts', '../../../packages/kernel/src/index.ts']) {
      assertBroken({ 'packages/db/src/a.ts': `import '${path}'\n` }, 'packages/db/src/a.ts:1', /leaves packages\/db/)
    }
    assertBroken({ 'tools/check.ts': `import '../packages/db/src/a.ts'\n` }, 'tools/check.ts:1', /leaves tools/)
  })

  it('finds the testkit outside of tests, yet allows it in src/testing.ts', () => {
    const declared = {
      name: '@stoa/links',
      exports: SOUND['modules/links/package.json'].exports,
      dependencies: { '@stoa/db': '0.1.0', '@stoa/testkit': '0.1.0' },
    }
    assert.deepEqual(
      violations({
        'modules/links/package.json': declared,
        'modules/links/src/testing.ts': `import '@stoa/testkit'\n`,
      }),
      [],
    )
    assertBroken(
      { 'modules/links/package.json': declared, 'modules/links/src/contract.ts': `import '@stoa/testkit'\n` },
      'modules/links/src/contract.ts:1',
      /is for tests/,
    )
  })

  it('finds process.env outside of the app configuration, however it is written', () => {
    const ways = [
      'process.env.A',
      `process['env']`,
      'process?.env',
      'globalThis.process.env',
      'const { env } = process',
      'const { env: e } = process',
      `import { env } from 'node:process'`,
    ]
    for (const way of ways) {
      assertBroken({ 'packages/db/src/a.ts': `${way}\n` }, 'packages/db/src/a.ts:1', /process\.env is read in/)
      assertBroken({ 'apps/stoa/src/other.ts': `${way}\n` }, 'apps/stoa/src/other.ts:1', /process\.env is read in/)
    }
  })

  it('does not take a word in a text or another object for process.env', () => {
    assert.deepEqual(violations({ 'packages/db/src/a.ts': `'process.env'; child.env; // process.env\n` }), [])
  })

  it('finds an exit outside of the apps', () => {
    for (const way of ['process.exit(1)', 'process.exitCode = 1', 'process.abort()']) {
      assertBroken({ 'packages/db/src/a.ts': `${way}\n` }, 'packages/db/src/a.ts:1', /belongs to apps, tools and bench/)
    }
  })

  it('finds packages that depend on each other in a circle', () => {
    assertBroken(
      {
        'packages/kernel/package.json': {
          name: '@stoa/kernel',
          exports: { '.': './src/index.ts' },
          dependencies: { '@stoa/db': '0.1.0' },
        },
      },
      'packages/db/package.json:0',
      /a circle: @stoa\/db → @stoa\/kernel → @stoa\/db/,
    )
  })

  it('finds two ranges for one library', () => {
    assertBroken(
      { 'packages/testkit/package.json': { name: '@stoa/testkit', dependencies: { pg: '^7.0.0' } } },
      'packages/testkit/package.json:0',
      /pg is '\^7\.0\.0' here and '\^8\.0\.0' in packages\/db/,
    )
  })

  it('says which file does not parse', () => {
    assert.throws(() => violations({ 'packages/db/src/a.ts': 'import from from from' }), /packages\/db\/src\/a\.ts/)
  })
})
