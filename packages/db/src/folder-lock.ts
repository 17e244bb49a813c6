/*
 * PGlite opens a folder that another process has open without an error, and both destroy it. So a lock file stands
 * beside the folder, and names its holder: pid, start time of the process, host.
 *
 * A holder that was killed leaves the file behind. It is stale when no process of that pid runs on this host, when the
 * one that runs started at another time, or when it is ourselves (in a container every start is pid 1). A holder on
 * another host cannot be asked; it touches the file every few seconds, and counts as gone after
 * {@link FOREIGN_STALE_MS} without.
 *
 * Taking over is a rename, which succeeds for one contender only; whoever finds in the renamed file another holder than
 * the one it judged puts it back.
 */
import { randomUUID } from 'node:crypto'
import { link, open, readFile, rename, stat, unlink, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Clock } from '@stoa/kernel'

/** The data folder cannot be used. The message says why and what to do. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError'
}

interface Holder {
  readonly pid: number
  readonly host: string
  /** The kernel's start time of the process in clock ticks; null where it is not known. */
  readonly started: string | null
  readonly token: string
}

const TOUCH_MS = 5_000
const FOREIGN_STALE_MS = 30_000

/**
 * The locks of this process: what tells a second opening here from a lock left by an earlier process of the same pid.
 */
const held = new Set<string>()

/** The lock of a folder, held until disposed. */
export class FolderLock implements AsyncDisposable {
  readonly #path: string
  readonly #token: string
  readonly #touching: NodeJS.Timeout

  private constructor(path: string, token: string) {
    this.#path = path
    this.#token = token
    this.#touching = setInterval(() => void touch(path), TOUCH_MS)
    this.#touching.unref()
    held.add(token)
  }

  /** @throws DataFolderError naming the holder's pid, or what is wrong with the folder */
  static async acquire(folder: string, clock: Clock): Promise<FolderLock> {
    const path = `${folder.replace(/[/\\]+$/, '')}.lock`
    const self: Holder = {
      pid: process.pid,
      host: hostname(),
      started: await startTime(process.pid),
      token: randomUUID(),
    }
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await create(path, self)) return new FolderLock(path, self.token)
      const holder = await read(path)
      if (holder === null) continue
      if (await isAlive(holder, path, clock)) {
        throw new DataFolderError(
          `The data folder ${folder} is in use by the process ${holder.pid}${holder.host === self.host ? '' : ` on ${holder.host}`}. ` +
            'Stop that process, or choose another folder.',
        )
      }
      await removeStale(path, holder)
    }
    throw new DataFolderError(
      `The lock file ${path} keeps changing: several processes are starting on this folder at once.`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#touching)
    held.delete(this.#token)
    const holder = await read(this.#path).catch(() => null)
    if (holder?.token === this.#token) await unlink(this.#path).catch(() => undefined)
  }
}

/** The whole content appears at once: a half-written lock is never seen. */
async function create(path: string, self: Holder): Promise<boolean> {
  const draft = `${path}.${self.token}`
  try {
    const file = await open(draft, 'wx', 0o600)
    await file.writeFile(JSON.stringify(self))
    await file.close()
    await link(draft, path)
    return true
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false
    throw new DataFolderError(`The lock file ${path} cannot be written: ${(cause as Error).message}`, { cause })
  } finally {
    await unlink(draft).catch(() => undefined)
  }
}

/** The holder; null when the file is gone. A file that is not ours to read counts as a dead holder, and is replaced. */
async function read(path: string): Promise<Holder | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null
    throw new DataFolderError(`The lock file ${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  try {
    return JSON.parse(text) as Holder
  } catch {
    return { pid: -1, host: hostname(), started: null, token: '' }
  }
}

async function isAlive(holder: Holder, path: string, clock: Clock): Promise<boolean> {
  if (holder.host !== hostname()) {
    const touched = await stat(path).then(
      (file) => file.mtimeMs,
      () => 0,
    )
    return clock.now() - touched < FOREIGN_STALE_MS
  }
  if (holder.pid === process.pid) return held.has(holder.token)
  if (holder.pid <= 0 || !runs(holder.pid)) return false
  const started = await startTime(holder.pid)
  return holder.started === null || started === null || started === holder.started
}

async function removeStale(path: string, judged: Holder): Promise<void> {
  const aside = `${path}.stale.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return
    throw cause
  }
  const moved = await read(aside)
  if (moved && moved.token !== judged.token) await link(aside, path).catch(() => undefined)
  await unlink(aside).catch(() => undefined)
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return codeOf(cause) === 'EPERM'
  }
}

/** Field 22 of /proc/<pid>/stat (proc(5)): tells two processes of one pid apart. Null where there is no /proc. */
async function startTime(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch(() => undefined)
}

function codeOf(cause: unknown): unknown {
  return (cause as { code?: unknown }).code
}
