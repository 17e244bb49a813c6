import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder, and those above it that are missing; nothing happens when it is there. What it makes is its owner's alone.
 *
 * Node's own recursive `mkdir` never ends where a folder is there in which nothing can be made, such as `/proc`.
 *
 * @throws Error of the system, such as EACCES, ENOTDIR or ENOENT
 */
export async function makeFolder(path: string): Promise<void> {
  const missing = await makeOne(path)
  if (missing === null) return
  await makeFolder(dirname(path))
  const stillMissing = await makeOne(path)
  if (stillMissing !== null) throw stillMissing
}

/** @returns the error that says that something above it is missing; null: it is there now */
async function makeOne(path: string): Promise<Error | null> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return error as Error
    const isThere = code === 'EEXIST' && (await stat(path).then((found) => found.isDirectory()))
    if (!isThere) throw error
  }
  return null
}
