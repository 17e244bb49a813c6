import { access, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { PGlite } from '@electric-sql/pglite'
import { makeFolder, type Repeating, repeat, resolveOptions } from '@stoa/kernel'
import { type Database, WireDatabase } from './database.ts'
import { DataFolderError, FolderLock } from './folder-lock.ts'
import { type DatabaseDeps, PGLITE_OPTIONS, type PgliteOptionsInput } from './options.ts'
import { closedAbove, unusableIn } from './pglite-access.ts'
import { ensureFolder } from './pglite-folder.ts'
import { imageFileSystem, imageOf, writeImage } from './pglite-image.ts'
import { pgliteWire } from './pglite-wire.ts'

/** Enough for the embedded use, and half the memory of the default. */
const SHARED_BUFFERS = '16MB'
/**
 * PGlite's code is not optimised by V8 beyond its first, quick compiler. The other one would begin in the middle of
 * every start: PostgreSQL's parser alone takes it half a second and 600 MB. What a server does all day, small statements,
 * is as fast without; queries that read through big tables take up to twice as long. Who wants the other one all the
 * same starts Node with it.
 */
const QUICK_COMPILER_ONLY = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']
const OPTIMISING = '--wasm-dynamic-tiering'
/** PGlite has no autovacuum: what is deleted and changed would keep its place for ever, and plans know no statistics. */
const VACUUM_EVERY_MS = 3_600_000

const GIVE = 'Give it to the user that runs the program.'

/** A PGlite database; it can be copied, to start others from. */
export interface PgliteDatabase extends Database {
  readonly engine: 'pglite'
  /** A copy of everything, for `template`. Nothing may be running. */
  image(): Uint8Array
}

/**
 * Opens PGlite on a folder or in memory. A folder is held by a lock file beside it, `<dataDir>.lock`, until the
 * database is disposed.
 *
 * @throws DataFolderError when another process holds the folder, or it cannot be read or written
 * @throws StoaError `invalid_options`
 */
export async function openPglite(options: PgliteOptionsInput, deps: DatabaseDeps): Promise<PgliteDatabase> {
  const { dataDir, statementTimeoutMs } = resolveOptions(PGLITE_OPTIONS, options, { name: 'openPglite' })
  const { template } = options
  const lock = dataDir === null ? null : await holdFolder(dataDir, deps)
  try {
    if (dataDir !== null) await (template ? writeImage(dataDir, template) : ensureFolder(dataDir))
    if (!process.execArgv.includes(OPTIMISING)) for (const flag of QUICK_COMPILER_ONLY) setFlagsFromString(flag)
    // Loaded here, because a program on PostgreSQL has no use for it.
    const { PGlite } = await import('@electric-sql/pglite')
    compiled ??= compilePglite()
    const pglite = await PGlite.create({
      pgliteWasmModule: await compiled,
      ...(dataDir === null ? template && { fs: imageFileSystem(template) } : { dataDir }),
      startParams: [...PGlite.defaultStartParams, '-c', `shared_buffers=${SHARED_BUFFERS}`],
    })
    return new FolderDatabase(pglite, statementTimeoutMs, deps, lock)
  } catch (cause) {
    await lock?.[Symbol.asyncDispose]()
    if (dataDir === null || cause instanceof DataFolderError) throw cause
    throw new DataFolderError(
      `The data folder ${dataDir} cannot be opened as a database: ${await whyNot(dataDir, cause)}`,
      {
        cause,
      },
    )
  }
}

/** Of the platform, which the types of Node leave out. */
declare const WebAssembly: { compile(code: Uint8Array): Promise<object> }

/** Compiled once, for a process that opens several. */
let compiled: Promise<object> | undefined

async function compilePglite(): Promise<object> {
  const file = new URL('pglite.wasm', import.meta.resolve('@electric-sql/pglite'))
  return await WebAssembly.compile(await readFile(file))
}

async function holdFolder(dataDir: string, deps: DatabaseDeps): Promise<FolderLock> {
  try {
    await makeFolder(dataDir)
  } catch (cause) {
    const closed = await closedAbove(resolve(dataDir))
    const why = closed === null ? `made: ${textOf(cause)}` : `reached: ${closed} may not be entered. ${GIVE}`
    throw new DataFolderError(`The data folder ${dataDir} cannot be ${why}`, { cause })
  }
  return await FolderLock.acquire(dataDir, deps)
}

/** PGlite's own errors are of WebAssembly, and say nothing; those of the system and of making a new folder do. */
async function whyNot(dataDir: string, cause: unknown): Promise<string> {
  const { code } = cause as NodeJS.ErrnoException
  const isDatabase = await access(join(dataDir, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
  const unusable = isDatabase || code === 'EACCES' ? await unusableIn(dataDir) : null
  if (unusable?.why === 'closed') return `${unusable.path} may not be read and written. ${GIVE}`
  if (!isDatabase || code !== undefined) return `${textOf(cause)}.`
  const what = unusable
    ? `${unusable.path} is ${unusable.why === 'missing' ? 'missing' : 'not a folder'}, so`
    : 'everything in it can be read and written, so'
  return `${what} it is damaged: put it back from a backup.`
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

class FolderDatabase extends WireDatabase implements PgliteDatabase {
  override readonly engine = 'pglite'
  readonly #pglite: PGlite
  readonly #lock: FolderLock | null
  readonly #vacuuming: Repeating | null

  constructor(pglite: PGlite, statementTimeoutMs: number, deps: DatabaseDeps, lock: FolderLock | null) {
    const durability = lock
      ? 'a committed write survives a crash of the process, not a power loss (PGlite does not fsync)'
      : 'nothing survives the end of the process (PGlite in memory)'
    super(pgliteWire(pglite, durability), statementTimeoutMs, deps)
    this.#pglite = pglite
    this.#lock = lock
    this.#vacuuming = lock && this.#vacuum(deps)
  }

  #vacuum({ clock, log }: DatabaseDeps): Repeating {
    return repeat(() => this.admin((session) => session.exec('vacuum (analyze)')), {
      clock,
      everyMs: VACUUM_EVERY_MS,
      onError: (err) => log.warn({ err }, 'the database could not be vacuumed: the next hour tries again'),
    })
  }

  image(): Uint8Array {
    return imageOf(this.#pglite)
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#vacuuming?.[Symbol.asyncDispose]()
    await super[Symbol.asyncDispose]()
    await this.#lock?.[Symbol.asyncDispose]()
  }
}
