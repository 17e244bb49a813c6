// `npm run boundaries`: who may import whom, checked on the sources themselves.
//
//   packages ─▶ packages        modules ─▶ packages, another module's /contract        apps ─▶ everything but apps
//   examples ─▶ nothing of Stoa: they stand for programs of others, which know its API alone
//
// npm hoists, so an import of what package.json does not declare would work here and break for whoever installs the
// package alone: it is rejected. So are paths past a package's `exports`, and the two globals that only the program's
// edge may touch: process.env (apps/*/src/config/env.ts) and process.exit (apps, tools, bench).

import { builtinModules } from 'node:module'
import { join, posix } from 'node:path'
import { importsOf, readSource, type Source, visit } from './source.ts'
import { type Manifest, readManifest, sourceFiles, type Workspace, workspaces } from './workspace.ts'

/** A rule that a line of code breaks. */
export interface Violation {
  readonly path: string
  /** From 1; 0 when it is about the file or folder as a whole. */
  readonly line: number
  readonly message: string
}

/** Every broken rule under `root`, in the order of the files. */
export function boundaryViolations(root: string): readonly Violation[] {
  const all = workspaces(root)
  const repository: Repository = {
    rootManifest: readManifest(root),
    byName: new Map(all.map((workspace) => [workspace.name, workspace])),
  }
  const found: Violation[] = [...differingRanges(all, repository), ...cycles(all)]
  for (const workspace of all) {
    for (const path of sourceFiles(root, workspace.folder)) {
      const source = readSource(root, path)
      const place: Place = { workspace, folder: workspace.folder, isTest: isTestPath(path), path }
      found.push(...brokenImports(source, place, repository), ...forbiddenGlobals(source, place))
    }
  }
  for (const folder of ['tools', 'bench']) {
    for (const path of sourceFiles(root, folder)) {
      const place: Place = { workspace: null, folder, isTest: true, path }
      found.push(...brokenImports(readSource(root, path), place, repository))
    }
  }
  return found
}

interface Repository {
  readonly rootManifest: Manifest
  readonly byName: ReadonlyMap<string, Workspace>
}

interface Place {
  /** Null in tools and bench, which belong to the repository as a whole. */
  readonly workspace: Workspace | null
  /** What a relative import may not leave. */
  readonly folder: string
  /** Tests and examples: they may also use development dependencies. */
  readonly isTest: boolean
  readonly path: string
}

const TESTKIT = '@stoa/testkit'

function isTestPath(path: string): boolean {
  return /^[^/]+\/[^/]+\/(test|examples)\//.test(path)
}

function brokenImports(source: Source, place: Place, repository: Repository): readonly Violation[] {
  const found: Violation[] = []
  for (const { specifier, line } of importsOf(source)) {
    const message = specifier.startsWith('.')
      ? relativeProblem(specifier, place)
      : packageProblem(specifier, place, repository)
    if (message !== null) found.push({ path: place.path, line, message })
  }
  return found
}

function relativeProblem(specifier: string, place: Place): string | null {
  const target = posix.join(posix.dirname(place.path), specifier)
  if (target.startsWith(`${place.folder}/`)) return null
  return `'${specifier}' leaves ${place.folder}: import the other package by its name`
}

function packageProblem(specifier: string, place: Place, repository: Repository): string | null {
  if (specifier.startsWith('node:')) return null
  if (builtinModules.includes(specifier)) return `'${specifier}' is a part of Node: write 'node:${specifier}'`
  if (specifier.startsWith('/') || specifier.startsWith('file:')) return `'${specifier}' is a place on one machine`
  const parts = specifier.split('/')
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  const entry = ['.', ...parts.slice(specifier.startsWith('@') ? 2 : 1)].join('/')
  const target = repository.byName.get(name)
  if (target !== undefined) {
    const message = directionProblem(target, entry, place) ?? entryProblem(target, entry)
    if (message !== null) return message
  }
  return declarationProblem(name, place, repository)
}

function directionProblem(target: Workspace, entry: string, place: Place): string | null {
  const from = place.workspace
  if (from === null || target === from) return null
  if (from.kind === 'example') return 'an example stands for a program of others, which has nothing of Stoa'
  if (target.kind === 'example') return `${target.name} is an example, which nobody may import`
  if (target.kind === 'app') return `${target.name} is an app, which nobody may import`
  if (target.name === TESTKIT && !place.isTest && !/\/src\/testing(\.ts|\/)/.test(place.path)) {
    return `${TESTKIT} is for tests, examples and src/testing.ts only`
  }
  if (from.kind === 'package' && target.kind === 'module') {
    return `a package knows no module: ${target.name} is one`
  }
  if (from.kind === 'module' && target.kind === 'module' && entry !== './contract') {
    return `a module sees another only through its contract: '${target.name}/contract'`
  }
  return null
}

function entryProblem(target: Workspace, entry: string): string | null {
  const { exports } = target.manifest
  const entries = typeof exports === 'object' ? Object.keys(exports) : ['.']
  if (entries.includes(entry)) return null
  return `${target.name} does not export '${entry}' (it exports ${entries.map((name) => `'${name}'`).join(', ')})`
}

function declarationProblem(name: string, place: Place, { rootManifest }: Repository): string | null {
  const { workspace } = place
  if (workspace === null) {
    // tools and bench are the root package's own code, which has every workspace and its own dependencies.
    const declared = name in (rootManifest.devDependencies ?? {}) || name in (rootManifest.dependencies ?? {})
    return declared || name.startsWith('@stoa/') ? null : `'${name}' is not in the devDependencies of the root`
  }
  if (name === workspace.name) {
    return place.isTest ? null : `'${name}' is this package itself: import the file`
  }
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = workspace.manifest
  if ([dependencies, peerDependencies, optionalDependencies].some((list) => name in (list ?? {}))) return null
  const development = name in (devDependencies ?? {})
  if (!place.isTest) {
    if (development) return `'${name}' is a devDependency of ${workspace.folder}, but code outside of tests imports it`
    return `'${name}' is not in the dependencies of ${workspace.folder}/package.json`
  }
  if (development || name in (rootManifest.devDependencies ?? {})) return null
  return `'${name}' is in no dependencies of ${workspace.folder}/package.json, and not in the root's devDependencies`
}

/** One version of a library in the whole repository: the ranges must be the same text everywhere. */
function differingRanges(all: readonly Workspace[], { rootManifest, byName }: Repository): readonly Violation[] {
  const ranges = new Map<string, { readonly range: string; readonly folder: string }>()
  const found: Violation[] = []
  for (const { folder, manifest } of [...all, { folder: '.', manifest: rootManifest }]) {
    const path = posix.join(folder, 'package.json')
    for (const [name, range] of Object.entries({ ...manifest.devDependencies, ...manifest.dependencies })) {
      if (name.startsWith('@stoa/') && !byName.has(name)) {
        found.push({ path, line: 0, message: `${name} is not a package of this repository` })
      }
      const first = ranges.get(name)
      if (first === undefined) ranges.set(name, { range, folder })
      else if (first.range !== range) {
        found.push({ path, line: 0, message: `${name} is '${range}' here and '${first.range}' in ${first.folder}` })
      }
    }
  }
  return found
}

/** Packages that need each other cannot be understood, built or published one by one. */
function cycles(all: readonly Workspace[]): readonly Violation[] {
  const byName = new Map(all.map((workspace) => [workspace.name, workspace]))
  const done = new Set<string>()
  const found: Violation[] = []
  const follow = (workspace: Workspace, trail: readonly string[]): void => {
    if (trail.includes(workspace.name)) {
      const circle = [...trail.slice(trail.indexOf(workspace.name)), workspace.name]
      found.push({ path: `${workspace.folder}/package.json`, line: 0, message: `a circle: ${circle.join(' → ')}` })
      return
    }
    if (done.has(workspace.name)) return
    for (const name of Object.keys(workspace.manifest.dependencies ?? {})) {
      const next = byName.get(name)
      if (next !== undefined) follow(next, [...trail, workspace.name])
    }
    done.add(workspace.name)
  }
  for (const workspace of all) follow(workspace, [])
  return found
}

function forbiddenGlobals(source: Source, place: Place): readonly Violation[] {
  const { workspace, path } = place
  if (workspace === null || place.isTest || workspace.name === TESTKIT || workspace.kind === 'example') return []
  const mayReadEnvironment = /^apps\/[^/]+\/src\/config\/env\.ts$/.test(path)
  const found: Violation[] = []
  const use = (property: string | null, offset: number) => {
    const line = source.line(offset)
    if (property === 'env' && !mayReadEnvironment) {
      found.push({ path, line, message: 'process.env is read in apps/*/src/config/env.ts only' })
    }
    if (property !== null && EXITS.has(property) && workspace.kind !== 'app') {
      found.push({ path, line, message: `process.${property} belongs to apps, tools and bench` })
    }
  }
  visit(source, {
    MemberExpression(node) {
      const { object, property } = node
      const isProcess = object.type === 'Identifier' && object.name === 'process'
      const isGlobal =
        object.type === 'MemberExpression' &&
        object.property.type === 'Identifier' &&
        object.property.name === 'process' &&
        object.object.type === 'Identifier' &&
        object.object.name === 'globalThis'
      if (isProcess || isGlobal) use(nameOf(property), node.start)
    },
    VariableDeclarator(node) {
      if (node.init?.type !== 'Identifier' || node.init.name !== 'process' || node.id.type !== 'ObjectPattern') return
      for (const property of node.id.properties) {
        if (property.type === 'Property') use(nameOf(property.key), property.start)
      }
    },
    ImportDeclaration(node) {
      if (node.source.value !== 'node:process') return
      for (const specifier of node.specifiers) {
        if (specifier.type === 'ImportSpecifier') use(nameOf(specifier.imported), specifier.start)
      }
    },
  })
  return found
}

const EXITS = new Set(['exit', 'exitCode', 'abort', 'reallyExit'])

function nameOf(node: { readonly type: string; readonly name?: unknown; readonly value?: unknown }): string | null {
  if (node.type === 'Identifier' && typeof node.name === 'string') return node.name
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : null
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  const violations = boundaryViolations(root)
  for (const { path, line, message } of violations) console.error(`${path}${line > 0 ? `:${line}` : ''}  ${message}`)
  console.log(
    violations.length === 0 ? 'boundaries: every import is allowed' : `boundaries: ${violations.length} broken`,
  )
  process.exitCode = violations.length === 0 ? 0 : 1
}
