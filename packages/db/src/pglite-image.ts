/*
 * A PGlite database as one piece of memory, for others to start from. PGlite's own way is a tar file; to unpack that took
 * nearly half of opening a database, and tests do so hundreds of times.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { PGlite } from '@electric-sql/pglite'
import type { Filesystem } from '@electric-sql/pglite/basefs'

/** Where PGlite has its data, inside of its own file system. */
const DATA = '/pglite/data'

type FileSystem = PGlite['Module']['FS']

/** Files by their paths below the data folder, and empty folders, which are null. Parents come before what is in them. */
type Files = Map<string, Uint8Array | null>

/** Everything that a database has. Nothing may be running in it. */
export function imageOf(pglite: PGlite): Uint8Array {
  const files: Files = new Map()
  collect(pglite.Module.FS, '', files)
  return serialize(files)
}

function collect(system: FileSystem, folder: string, files: Files): void {
  files.set(folder, null)
  for (const name of system.readdir(DATA + folder)) {
    if (name === '.' || name === '..') continue
    const path = `${folder}/${name}`
    const isFolder = system.isDir(system.stat(DATA + path).mode)
    if (isFolder) collect(system, path, files)
    else files.set(path, system.readFile(DATA + path))
  }
}

/** Puts the files of an image into a folder, which is there and empty. */
export async function writeImage(dataDir: string, image: Uint8Array): Promise<void> {
  for (const [path, content] of filesOf(image)) {
    if (content === null) await mkdir(join(dataDir, path), { recursive: true, mode: 0o700 })
    else await writeFile(join(dataDir, path), content, { mode: 0o600 })
  }
}

/** Memory that begins with the files of an image, for PGlite's option `fs`. */
export function imageFileSystem(image: Uint8Array): Filesystem {
  let opening: PGlite
  return {
    async init(pglite, emscriptenOpts) {
      opening = pglite
      return { emscriptenOpts }
    },
    async initialSyncFs() {
      const { FS } = opening.Module
      for (const [path, content] of filesOf(image)) {
        if (content === null) FS.mkdirTree(DATA + path)
        // Its memory is this copy's own, and need not be copied once more.
        else FS.writeFile(DATA + path, content, { canOwn: true })
      }
    },
    async syncToFs() {},
    async closeFs() {
      opening.Module.FS.quit()
    },
    async dumpTar() {
      throw new Error('what is in memory is copied by imageOf()')
    },
  }
}

/** A copy, that may be written to. */
function filesOf(image: Uint8Array): Files {
  return deserialize(Buffer.from(image))
}
