import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { type MigrationSet, migrate, openPglite } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { pgliteVersion, templateKey } from './template-key.ts'

const KEPT_MS = 24 * 3_600_000

const DEPS = { clock: systemClock, log: silentLogger }

/** A dump of a PGlite that has these migrations, made on the first demand. */
export async function pgliteTemplate(sets: readonly MigrationSet[]): Promise<Blob> {
  return await kept(await templateKey(sets), async () => {
    await using db = await openPglite({ template: await emptyPglite() }, DEPS)
    await migrate(db, sets, DEPS)
    return await db.dump()
  })
}

/** A dump of a PGlite that has nothing. To make one takes seconds, to load one a fraction. */
export async function emptyPglite(): Promise<Blob> {
  return await kept('empty', async () => {
    await using db = await openPglite({}, DEPS)
    return await db.dump()
  })
}

/** The dump of this name; it is made when it is not there. Two processes may both make it; the later one replaces the same. */
async function kept(name: string, make: () => Promise<Blob>): Promise<Blob> {
  const folder = join(tmpdir(), `stoa-testkit-${userInfo().uid}`)
  const file = join(folder, `pglite-${await pgliteVersion()}-${name}.tar`)
  const cached = await readFile(file).catch(() => null)
  if (cached) return new Blob([cached])
  const made = await make()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeOld(folder)
  // Nobody may read half a file: it gets its name when it is whole.
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, Buffer.from(await made.arrayBuffer()))
  await rename(draft, file)
  return made
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const file = await stat(path).catch(() => null)
    if (file && systemClock.now() - file.mtimeMs > KEPT_MS) await rm(path, { force: true })
  }
}
