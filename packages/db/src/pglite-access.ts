import { constants, type Dirent } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What PostgreSQL cannot be without. */
const FOLDERS = ['base', 'global', 'pg_wal']
const { R_OK, W_OK, X_OK } = constants

/** Something in a PGlite folder that it cannot be opened with. */
export interface Unusable {
  readonly path: string
  /** `closed`: this user may not read and write it. The others are damage. */
  readonly why: 'closed' | 'missing' | 'no folder'
}

/**
 * Looks through a PGlite folder that is not new for what this user may not read and write, or what is not there. PGlite
 * itself ends with the same words whatever it is.
 */
export async function unusableIn(dataDir: string): Promise<Unusable | null> {
  const closed = await closedIn(dataDir)
  if (closed !== null) return { path: closed, why: 'closed' }
  for (const path of FOLDERS.map((name) => join(dataDir, name))) {
    const found = await stat(path).catch(() => null)
    if (!found?.isDirectory()) return { path, why: found ? 'no folder' : 'missing' }
  }
  return null
}

async function closedIn(folder: string): Promise<string | null> {
  if (!(await may(folder, R_OK | W_OK | X_OK))) return folder
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name)
    const closed = entry.isDirectory() ? await closedIn(path) : (await may(path, R_OK | W_OK)) ? null : path
    if (closed !== null) return closed
  }
  return null
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
}

/** The nearest folder above that this user may not enter, so that nobody can tell whether the path is there. */
export async function closedAbove(path: string): Promise<string | null> {
  const parent = dirname(path)
  if (parent === path || (await may(parent, X_OK))) return null
  // A file is nothing that can be entered, whoever asks.
  const found = await stat(parent).catch(() => null)
  if (found && !found.isDirectory()) return null
  return (await closedAbove(parent)) ?? parent
}

/** What is gone meanwhile, as the database's own files come and go, or is something else, is not closed. */
async function may(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS',
  )
}
