/*
 * A new PGlite folder is made by a process of its own (initdb.ts). What initdb takes, 1.1 GB at its peak and 300 MB
 * until the end of the process, goes with that process; and a folder appears whole or not at all, because it is made
 * beside its place and renamed into it. A start that is killed in the middle leaves only what the next start removes.
 *
 * PostgreSQL has a lock file of its own in the folder, which holds nothing here (all of its processes have one number
 * inside of PGlite) and does harm: it is made empty and filled a moment later, and a kill in between leaves one that
 * PostgreSQL refuses to start on, for ever. Ours holds the folder, so that one goes before each start.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DataFolderError } from './folder-lock.ts'

/** Where this package was compiled, it ends as this file does. */
const INITDB = fileURLToPath(new URL('./initdb.ts', import.meta.url)).replace(/\.ts$/, extname(import.meta.url))
const DRAFT = '.new-'
const POSTGRES_LOCK = 'postmaster.pid'

/**
 * Makes the folder a database if it is empty. Whoever calls holds its lock.
 *
 * @throws DataFolderError when it holds something else than a database, or cannot be read or written
 */
export async function ensureFolder(dataDir: string): Promise<void> {
  const place = resolve(dataDir)
  await removeDrafts(place)
  const entries = await readdir(place)
  if (entries.includes('PG_VERSION')) return await rm(join(place, POSTGRES_LOCK), { force: true })
  if (entries.length > 0) {
    throw new DataFolderError(
      `The data folder ${dataDir} holds no database, but it is not empty (it has ${entries.slice(0, 3).join(', ')}). Choose another folder, or empty it.`,
    )
  }
  const draft = await mkdtemp(`${place}${DRAFT}`)
  try {
    await initdb(draft)
    // Not every system renames over a folder, even an empty one.
    await rmdir(place)
    await rename(draft, place)
  } catch (cause) {
    await rm(draft, { recursive: true, force: true })
    await mkdir(place, { recursive: true, mode: 0o700 })
    throw cause
  }
}

/** What starts left behind that were killed while they made the folder. */
async function removeDrafts(place: string): Promise<void> {
  const parent = dirname(place)
  const drafts = (await readdir(parent).catch(() => [])).filter((name) => name.startsWith(`${basename(place)}${DRAFT}`))
  // Whoever made one may not have seen yet that nobody waits for it any more, and still write there; then the next
  // start finds the rest.
  const patient = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }
  await Promise.allSettled(drafts.map((name) => rm(join(parent, name), patient)))
}

function initdb(dataDir: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Without the optimising compiler: it would take 600 MB more, and everything runs only once. Ctrl-C goes to the
    // whole process group: in a group of its own it makes the folder to the end, and the caller stops in order.
    const child = spawn(process.execPath, ['--liftoff-only', INITDB, dataDir], {
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
      windowsHide: true,
    })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(-2_000)
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`initdb ended with ${signal ?? `code ${code}`}: ${complaint.trim()}`))
    })
  })
}
