import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigrationSet } from '@stoa/db'

/**
 * Names what migrating with these sets makes: 16 hex digits that change with any migration, and with the source of
 * `@stoa/db`.
 */
export async function templateKey(sets: readonly MigrationSet[]): Promise<string> {
  const hash = createHash('sha256')
    .update(JSON.stringify(sets))
    .update(await databaseSource())
  return hash.digest('hex').slice(0, 16)
}

/** A dependency of `@stoa/db` and not of this package: there may be another one where tests are. */
const PGLITE = '@electric-sql/pglite'

/** The version of the PGlite that `@stoa/db` opens. */
export async function pgliteVersion(): Promise<string> {
  const entry = createRequire(import.meta.resolve('@stoa/db')).resolve(PGLITE)
  const { version } = JSON.parse(await readFile(join(dirname(entry), '..', 'package.json'), 'utf8')) as {
    version: string
  }
  return version
}

let source: Promise<string> | undefined

/**
 * What the ground is made of before any migration runs is code and no migration; the whole source is quicker read than
 * taken apart.
 */
function databaseSource(): Promise<string> {
  source ??= readSource(dirname(fileURLToPath(import.meta.resolve('@stoa/db'))))
  return source
}

async function readSource(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.join('\0')
}
