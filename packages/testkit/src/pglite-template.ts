import { randomBytes } from 'node:crypto'
import { constants, cpSync } from 'node:fs'
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { migrate, openPglite } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { pgliteVersion, type TemplateContent, templateKey } from './template-key.ts'
import { createTestTenants } from './test-tenants.ts'

const KEPT_MS = 24 * 3_600_000

const DEPS = { clock: systemClock, log: silentLogger }

/** The image of a PGlite that has this, made on the first demand. */
export async function pgliteTemplate(content: TemplateContent): Promise<Uint8Array> {
  const { sets, tenants } = content
  return await kept(await templateKey(content), async () => {
    const before = tenants ? await pgliteTemplate({ sets, tenants: false }) : await emptyPglite()
    await using db = await openPglite({ template: before }, DEPS)
    if (tenants) await createTestTenants({ db, sets })
    else await migrate(db, sets, DEPS)
    return db.image()
  })
}

/**
 * The image of a PGlite that has nothing, not even the databases that others could be made of, which are a half of its files:
 * it is loaded some hundred times. To make one takes seconds, to load one a fraction.
 */
export async function emptyPglite(): Promise<Uint8Array> {
  return await kept('bare', async () => {
    await using db = await openPglite({}, DEPS)
    await db.admin(async (session) => {
      await session.exec('update pg_database set datistemplate = false')
      for (const name of ['template0', 'template1']) await session.exec(`drop database ${name}`)
      await session.exec('checkpoint')
    })
    return db.image()
  })
}

/**
 * Makes a PGlite folder that has this. It is a copy of one that is made on the first demand, and no PGlite
 * has to run for it here.
 *
 * @param dataDir where it shall be; nothing is there yet
 */
export async function createPgliteFolder(dataDir: string, content: TemplateContent): Promise<void> {
  const template = await keptPath(`${await templateKey(content)}.db`)
  if (!(await isThere(template))) await makeFolder(template, content)
  cpSync(template, dataDir, { recursive: true, mode: constants.COPYFILE_FICLONE })
}

/** Two processes may both make it; the first one's is kept. */
async function makeFolder(place: string, content: TemplateContent): Promise<void> {
  const template = await pgliteTemplate(content)
  const draft = await mkdtemp(`${place}.`)
  try {
    const made = await openPglite({ dataDir: join(draft, 'db'), template }, DEPS)
    await made[Symbol.asyncDispose]()
    await rename(join(draft, 'db'), place).catch(async (error: unknown) => {
      if (!(await isThere(place))) throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** The image of this name; it is made when it is not there. Two processes may both make it; the later one replaces the same. */
async function kept(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const file = await keptPath(`${name}.image`)
  const cached = await readFile(file).catch(() => null)
  if (cached) return cached
  const made = await make()
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await removeOld(dirname(file))
  // Nobody may read half a file: it gets its name when it is whole.
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, made)
  await rename(draft, file)
  return made
}

async function keptPath(name: string): Promise<string> {
  return join(tmpdir(), `stoa-testkit-${userInfo().uid}`, `pglite-${await pgliteVersion()}-${name}`)
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const file = await stat(path).catch(() => null)
    if (file && systemClock.now() - file.mtimeMs > KEPT_MS) await rm(path, { recursive: true, force: true })
  }
}
