/*
 * PGlite opens a folder that another process has open without an error, and both destroy it. So a lock file stands
 * beside the folder, and names its holder: pid, start time of the process, and where that pid means something.
 *
 * A holder that was killed leaves the file behind. It is stale when no process of that pid runs here, when the one that
 * runs started at another time, or when it is ourselves. A holder elsewhere, on another host or in another container
 * (where every start is pid 1, and the name of the host may be ours), cannot be asked; it touches the file every few
 * seconds, and counts as gone after {@link FOREIGN_STALE_MS} without. For that long a start waits and sees. What touches it
 * is a thread: PGlite computes in the one of the program, and a long query would hold up a timer there.
 *
 * Whoever finds a stale lock removes it and then makes its own, as everybody may who finds none. Removing has a lock too,
 * for the moment that it takes: two who judged the same one must not remove the lock of who was quicker.
 */
import { randomUUID } from 'node:crypto'
import { link, open, readFile, readlink, stat, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Clock, Logger } from '@stoa/kernel'

/** The data folder cannot be used. The message says why and what to do. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError'
}

/** Another process holds the data folder. */
export class DataFolderInUse extends DataFolderError {}

interface Holder {
  readonly pid: number
  readonly host: string
  /** The kernel that runs now and the process namespace: pids of one such place can be compared. */
  readonly place: string
  /** The kernel's start time of the process in clock ticks; null where it is not known. */
  readonly started: string | null
  readonly token: string
}

/** What judging a lock takes. */
interface FolderLockDeps {
  readonly clock: Clock
  readonly log: Logger
}

const TOUCH_MS = 5_000
const FOREIGN_STALE_MS = 30_000
const LOOK_MS = 1_000
/** Removing a stale lock takes less, unless who does it is killed meanwhile. */
const TURN_MS = 10_000
const TURN_LOOK_MS = 20
const ATTEMPTS = 1_000

/** The program of the thread. It is plain JavaScript, which a thread begins without what reads TypeScript. */
const TOUCHING = `
const { utimesSync } = require('node:fs')
const { path, everyMs } = require('node:worker_threads').workerData
setInterval(() => {
  const now = new Date()
  try {
    utimesSync(path, now, now)
  } catch {}
}, everyMs)`

/**
 * The locks of this process: what tells a second opening here from a lock left by an earlier process of the same pid.
 */
const held = new Set<string>()

/** The lock of a folder, held until disposed. */
export class FolderLock implements AsyncDisposable {
  readonly #path: string
  readonly #token: string
  readonly #touching: Worker

  private constructor(path: string, token: string, log: Logger) {
    this.#path = path
    this.#token = token
    this.#touching = new Worker(TOUCHING, { eval: true, execArgv: [], workerData: { path, everyMs: TOUCH_MS } })
    this.#touching.on('error', (err) => log.error({ err, path }, 'the lock of the data folder is touched no more'))
    this.#touching.unref()
    held.add(token)
  }

  /** @throws DataFolderInUse naming the holder's pid, DataFolderError saying what is wrong with the folder */
  static async acquire(folder: string, deps: FolderLockDeps): Promise<FolderLock> {
    const path = `${folder.replace(/[/\\]+$/, '')}.lock`
    const self: Holder = {
      pid: process.pid,
      host: hostname(),
      place: await ownPlace(),
      started: (await processAt(process.pid))?.started ?? null,
      token: randomUUID(),
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await create(path, self)) return new FolderLock(path, self.token, deps.log)
      const holder = await read(path)
      if (holder === null) continue
      if (await isAlive(holder, self, path, deps)) {
        const where = holder.place === self.place ? '' : ` on ${holder.host}`
        throw new DataFolderInUse(
          `The data folder ${folder} is in use by the process ${holder.pid}${where}. ` +
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
    await this.#touching.terminate()
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
  const nobody = { pid: -1, host: hostname(), place: await ownPlace(), started: null, token: '' }
  try {
    return (JSON.parse(text) as Holder | null) ?? nobody
  } catch {
    return nobody
  }
}

async function isAlive(holder: Holder, self: Holder, path: string, deps: FolderLockDeps): Promise<boolean> {
  if (holder.place !== self.place) return await isTouched(holder, path, deps)
  if (holder.pid === process.pid) return held.has(holder.token)
  if (holder.pid <= 0 || !answers(holder.pid)) return false
  const there = await processAt(holder.pid)
  if (there === null || holder.started === null) return true
  return there.started === holder.started && !there.isDead
}

/** Whether the file is touched in the time in which a holder would. */
async function isTouched({ host, pid }: Holder, path: string, { clock, log }: FolderLockDeps): Promise<boolean> {
  const touched = await touchedMs(path)
  const untilMs = touched + FOREIGN_STALE_MS
  if (clock.now() >= untilMs) return false
  log.warn({ path, pid, host }, 'the data folder was held elsewhere a moment ago: waiting to see whether it still is')
  while (clock.now() < untilMs) {
    await clock.sleep(LOOK_MS)
    const now = await touchedMs(path)
    if (now !== touched) return now !== 0
  }
  return false
}

/** When the file was touched last; 0 when it is gone. */
function touchedMs(path: string): Promise<number> {
  return stat(path).then(
    (file) => file.mtimeMs,
    () => 0,
  )
}

/** Removes what was judged, unless it has become somebody else's. One contender at a time: another file says who. */
async function removeStale(path: string, judged: Holder): Promise<void> {
  const turn = `${path}.turn`
  try {
    await writeFile(turn, '', { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause
    // Whoever had it takes a moment, or was killed in that moment.
    if (Date.now() - (await touchedMs(turn)) > TURN_MS) await unlink(turn).catch(() => undefined)
    return await pause(TURN_LOOK_MS)
  }
  try {
    if ((await read(path))?.token === judged.token) await unlink(path)
  } finally {
    await unlink(turn).catch(() => undefined)
  }
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return codeOf(cause) === 'EPERM'
  }
}

/**
 * What /proc/<pid>/stat says (proc(5)): the start time, which tells two processes of one pid apart, and whether it has
 * ended and nobody has taken note yet. Null where there is no /proc.
 */
async function processAt(pid: number): Promise<{ readonly started: string; readonly isDead: boolean } | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { started: fields[19] as string, isDead: /[ZXx]/.test(fields[0] as string) }
  } catch {
    return null
  }
}

async function ownPlace(): Promise<string> {
  try {
    return `${(await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()} ${await readlink('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

function codeOf(cause: unknown): unknown {
  return (cause as { code?: unknown }).code
}
