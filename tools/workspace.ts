import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a workspace is, by the folder it lies in. */
export type WorkspaceKind = 'package' | 'module' | 'app' | 'example'

/** The fields of package.json that the checks read. */
export interface Manifest {
  readonly name?: string
  readonly exports?: Readonly<Record<string, unknown>> | string
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** A package, module, app or example of the repository. */
export interface Workspace {
  readonly kind: WorkspaceKind
  readonly name: string
  /** Its folder, relative to the root: `packages/db`. */
  readonly folder: string
  readonly manifest: Manifest
}

const PARENTS: Readonly<Record<string, WorkspaceKind>> = {
  packages: 'package',
  modules: 'module',
  apps: 'app',
  examples: 'example',
}

/** Every workspace under `root`, sorted by folder. */
export function workspaces(root: string): readonly Workspace[] {
  return Object.entries(PARENTS).flatMap(([parent, kind]) => {
    if (!existsSync(join(root, parent))) return []
    return readdirSync(join(root, parent))
      .sort()
      .map((name) => `${parent}/${name}`)
      .filter((folder) => existsSync(join(root, folder, 'package.json')))
      .map((folder) => {
        const manifest = readManifest(join(root, folder))
        return { kind, folder, manifest, name: manifest.name ?? folder }
      })
  })
}

/** The package.json of a folder. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** The hand-written source files under a folder, as sorted paths relative to `root`. */
export function sourceFiles(root: string, folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return []
  const found: string[] = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name) && !entry.name.startsWith('.')) found.push(...sourceFiles(root, path))
    } else if (/\.(ts|tsx|mts|js|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts')) found.push(path)
  }
  return found.sort()
}

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', 'results'])
