import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigrationSet } from '@stoa/db'

/** What a template has. */
export interface TemplateContent {
  /** Migrations. */
  readonly sets: readonly MigrationSet[]
  /** The tenants of `createTestTenants`. To make them takes longer than to copy all else: one has a schema of its own. */
  readonly tenants: boolean
}

/**
 * Names what a template has: 16 hex digits that change with any migration, with the source of `@stoa/db` and with what makes
 * the tenants; and whether there are any.
 */
export async function templateKey({ sets, tenants }: TemplateContent): Promise<string> {
  const hash = createHash('sha256')
    .update(JSON.stringify(sets))
    .update(await databaseSource())
  if (tenants) hash.update(await readFile(new URL('./test-tenants.ts', import.meta.url)))
  return hash.digest('hex').slice(0, 16) + (tenants ? '_tenants' : '')
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
