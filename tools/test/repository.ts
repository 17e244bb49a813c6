import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A folder with files of its own, removed when it goes out of scope. */
export interface TemporaryFolder extends Disposable {
  readonly root: string
  write(path: string, content: string | object): void
}

/** Makes a folder from paths and contents; an object is written as JSON. */
export function temporaryFolder(files: Readonly<Record<string, string | object>> = {}): TemporaryFolder {
  const root = mkdtempSync(join(tmpdir(), 'stoa-tools-'))
  const folder: TemporaryFolder = {
    root,
    write(path, content) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
  for (const [path, content] of Object.entries(files)) folder.write(path, content)
  return folder
}
