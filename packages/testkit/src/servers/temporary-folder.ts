import { chownSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** The user that a server runs as. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/**
 * A new folder for a server's files, owned by `user` (null: by us). A root shell often has a TMPDIR that other users
 * cannot enter: then the system's own folder is taken.
 */
export function temporaryFolder(name: string, user: ServerUser | null): string {
  const parents = user === null ? [tmpdir()] : [tmpdir(), '/tmp', '/var/tmp'].filter(othersMayEnter)
  const parent = parents[0]
  if (parent === undefined) throw new Error(`no temporary folder that user ${user?.uid} may enter`)
  const folder = mkdtempSync(join(parent, `stoa-${name}-`))
  if (user !== null) chownSync(folder, user.uid, user.gid)
  return folder
}

function othersMayEnter(folder: string): boolean {
  try {
    if ((statSync(folder).mode & 0o001) === 0) return false
  } catch {
    return false
  }
  const parent = dirname(folder)
  return parent === folder || othersMayEnter(parent)
}
