import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { type MigrationSet, migrate, openPglite } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { pgliteVersion, templateKey } from './template-key.ts'

const KEPT_MS = 24 * 3_600_000

/**
 * A dump of a PGlite that has these migrations, made on the first demand. Two processes may both make it; the later one
 * replaces the same.
 */
export async function pgliteTemplate(sets: readonly MigrationSet[]): Promise<Blob> {
  const folder = join(tmpdir(), `stoa-testkit-${userInfo().uid}`)
  const file = join(folder, `pglite-${await pgliteVersion()}-${await templateKey(sets)}.tar`)
  const cached = await readFile(file).catch(() => null)
  if (cached) return new Blob([cached])
  const made = await make(sets)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeOld(folder)
  // Nobody may read half a file: it gets its name when it is whole.
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, Buffer.from(await made.arrayBuffer()))
  await rename(draft, file)
  return made
}

async function make(sets: readonly MigrationSet[]): Promise<Blob> {
  const deps = { clock: systemClock, log: silentLogger }
  // Making a new PGlite takes seconds, so what differs starts from what has the ground alone.
  await using db = await openPglite(sets.length > 0 ? { template: await pgliteTemplate([]) } : {}, deps)
  await migrate(db, sets, deps)
  return await db.dump()
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const file = await stat(path).catch(() => null)
    if (file && systemClock.now() - file.mtimeMs > KEPT_MS) await rm(path, { force: true })
  }
}
