// `npm run pack -- limiter queue`: packages of this repository as files that npm installs in any other program.
//
// Here the sources run as they are. Below node_modules Node takes no TypeScript, so what leaves the repository is
// compiled: JavaScript, declarations, and a package.json that leads to them. What a package needs of Stoa's own comes
// along, because no registry has it.

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readManifest, type Workspace, workspaces } from './workspace.ts'

const ROOT = join(import.meta.dirname, '..')

/** What stops the packing, in words for whoever asked for it. */
class CannotPack extends Error {}

/** It reads sources as they are here (those of `@stoa/db` say which copies of a database are good), and `deploy/`. */
const KIT = '@stoa/testkit'

/** The packages of these names (`limiter`, `@stoa/limiter`, `packages/limiter`), and all of Stoa's that they need. */
function wanted(names: readonly string[]): readonly Workspace[] {
  const packages = workspaces(ROOT).filter(({ kind, name }) => kind === 'package' && name !== KIT)
  const byName = new Map(packages.map((one) => [one.name, one]))
  const found = new Set<Workspace>()
  const add = (name: string, asked: string) => {
    if (name === KIT) throw new CannotPack('testkit stays here: while it runs it reads the sources of this repository.')
    const one = byName.get(name)
    if (one === undefined) {
      const all = packages.map(({ folder }) => folder.replace('packages/', '')).join(', ')
      throw new CannotPack(`There is no package '${asked}'. There are: ${all}.`)
    }
    if (found.has(one)) return
    found.add(one)
    for (const needed of Object.keys(one.manifest.dependencies ?? {})) if (byName.has(needed)) add(needed, needed)
  }
  for (const name of names) add(`@stoa/${name.replace(/^@stoa\/|^packages\//, '').replace(/\/$/, '')}`, name)
  return [...found]
}

/** Compiles all of them at once, each into `<folder>/<its folder>/src`. */
function compile(packages: readonly Workspace[], folder: string) {
  const settings = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: ROOT,
      outDir: folder,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: packages.map((one) => join(ROOT, one.folder, 'src')),
  }
  const file = join(folder, 'tsconfig.json')
  writeFileSync(file, JSON.stringify(settings))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-p', file], { stdio: 'inherit' })
  if (status !== 0) throw new CannotPack('It does not compile: see above.')
}

/** `./src/index.ts` of a package's `exports`, as it is in what leaves. */
const compiledExport = (source: unknown) => {
  const path = String(source)
    .replace(/^\.\/src\//, './dist/')
    .replace(/\.ts$/, '')
  return { types: `${path}.d.ts`, default: `${path}.js` }
}

/** Makes the file of one compiled package, and says what it is called. */
function packOne({ folder: source }: Workspace, compiled: string, output: string): string {
  const staged = join(compiled, source)
  renameSync(join(staged, 'src'), join(staged, 'dist'))
  const { devDependencies: _, exports, scripts: _refusing, ...manifest } = readManifest(join(ROOT, source))
  const leaving = {
    ...manifest,
    engines: { node: '>=22' },
    files: ['dist'],
    exports: Object.fromEntries(Object.entries(exports ?? {}).map(([name, path]) => [name, compiledExport(path)])),
  }
  writeFileSync(join(staged, 'package.json'), JSON.stringify(leaving, null, 2))
  cpSync(join(ROOT, 'LICENSE'), join(staged, 'LICENSE'))
  cpSync(join(ROOT, source, 'README.md'), join(staged, 'README.md'))
  const options = ['--json', '--ignore-scripts', '--pack-destination', output]
  const said = execFileSync('npm', ['pack', staged, ...options], { encoding: 'utf8', cwd: compiled })
  const answer = JSON.parse(said) as Record<string, { filename: string }> | { filename: string }[]
  const [packed] = Object.values(answer)
  if (packed === undefined) throw new CannotPack('npm made no file.')
  return join(output, packed.filename)
}

/** Packs the packages of these names into `output`, and gives back the files. */
function pack(names: readonly string[], output: string): readonly string[] {
  const packages = wanted(names)
  mkdirSync(output, { recursive: true })
  // Below the root, so that the compiler finds what the packages import.
  const folder = mkdtempSync(join(ROOT, 'node_modules', '.pack-'))
  try {
    compile(packages, folder)
    return packages.map((one) => packOne(one, folder, output))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const USAGE = 'Usage: npm run pack -- <package> … [--to <folder>]'

try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { to: { type: 'string' } } })
  if (positionals.length === 0) throw new CannotPack(`Which package? ${USAGE}`)
  if (!existsSync(join(ROOT, 'node_modules/typescript')))
    throw new CannotPack("'npm ci' first: the compiler is missing.")
  const files = pack(positionals, resolve(values.to ?? join(ROOT, 'dist')))
  console.log(`In the folder of the other program:\n\n  npm install ${files.join(' ')}`)
} catch (error) {
  const isMisspelt = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  if (!isMisspelt && !(error instanceof CannotPack)) throw error
  console.error(isMisspelt ? `${error.message}\n${USAGE}` : error.message)
  process.exitCode = 1
}
