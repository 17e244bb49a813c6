import { randomBytes } from 'node:crypto'
import { type Database, type Instrument, migrate, openPglite, openPostgres } from '@stoa/db'
import {
  type BaseCtx,
  type Clock,
  type Ctx,
  newId,
  silentLogger,
  systemClock,
  systemCtx,
  tenantCtx,
} from '@stoa/kernel'
import { Type } from 'typebox'
import {
  createJournal,
  defineEvent,
  type EventDefinition,
  type Hints,
  type Journal,
  type JournalEvent,
  type JournalSignal,
  journalMigrations,
  processHints,
} from '../src/index.ts'

export const engines = ['pglite', 'postgres'] as const
export type Engine = (typeof engines)[number]

export const noted = defineEvent({
  type: 'test.noted',
  version: 1,
  description: 'Something was noted.',
  data: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
})

export const note = (n: number, ...subjects: string[]) =>
  noted.of({ n }, subjects.length > 0 ? subjects : [`note:${n}`])

const deps = { log: silentLogger, clock: systemClock }

/** A database with the journal's schema, and a journal on it. */
export interface Bench extends AsyncDisposable {
  readonly db: Database
  readonly hints: Hints
  readonly journal: Journal
  readonly observed: Observed
  readonly system: BaseCtx
  readonly ctx: Ctx
  readonly url: string | null
  /** Another journal on the same database, as another process has it: its own connections (not on PGlite) and hints. */
  another(options?: { hints?: Hints; clock?: Clock }): Promise<{ db: Database; journal: Journal; observed: Observed }>
  /** Commits one event per number. */
  append(...numbers: number[]): Promise<void>
}

export interface BenchOptions {
  readonly hints?: Hints
  readonly clock?: Clock
  readonly events?: readonly EventDefinition[]
  /** False: the default partition alone. */
  readonly partitions?: boolean
  readonly instrument?: Instrument
}

export async function setup(engine: Engine, options: BenchOptions = {}): Promise<Bench> {
  const { db, open, url, close } = await openDatabase(engine, options.instrument)
  const events = options.events ?? [noted]
  const clock = options.clock ?? systemClock
  const hints = options.hints ?? processHints()
  const observed = new Observed()
  const journal = createJournal({ events }, { db, hints, log: silentLogger, clock, observe: observed.add })
  const system = systemCtx({ log: silentLogger, clock }, 'test')
  if (options.partitions !== false) await journal.ensurePartitions(system)
  const ctx = tenant('acme', clock)
  return {
    db,
    hints,
    journal,
    observed,
    system,
    ctx,
    url,
    async another(over = {}) {
      const seen = new Observed()
      const opened = await open()
      const made = createJournal(
        { events },
        {
          db: opened,
          hints: over.hints ?? processHints(),
          log: silentLogger,
          clock: over.clock ?? clock,
          observe: seen.add,
        },
      )
      return { db: opened, journal: made, observed: seen }
    },
    async append(...numbers) {
      for (const n of numbers) await db.transaction(ctx, async (tx) => journal.append(ctx, tx, note(n)))
    },
    [Symbol.asyncDispose]: close,
  }
}

export function tenant(slug = 'acme', clock: Clock = systemClock): Ctx {
  return tenantCtx(systemCtx({ log: silentLogger, clock }, 'test'), { id: newId(), slug, schema: 'stoa_pool' })
}

/** Hints that are all lost. */
export const lostHints: Hints = {
  publish: () => undefined,
  subscribe: () => ({ [Symbol.dispose]: () => undefined }),
  [Symbol.asyncDispose]: async () => undefined,
}

/** A clock that goes when it is told to. */
export class TestClock implements Clock {
  #now: number
  #sleepers: { readonly until: number; readonly wake: () => void }[] = []

  constructor(iso: string) {
    this.#now = Date.parse(iso)
  }

  now(): number {
    return this.#now
  }

  /** How many are asleep. */
  get sleepers(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { until: this.#now + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper)
        reject(signal.reason)
      })
    })
  }

  set(iso: string): void {
    this.#now = Date.parse(iso)
    for (const sleeper of this.#sleepers.filter((each) => each.until <= this.#now)) {
      this.#sleepers = this.#sleepers.filter((each) => each !== sleeper)
      sleeper.wake()
    }
  }
}

/** Waits for signals of the journal. */
export class Observed {
  readonly all: JournalSignal[] = []
  readonly #waiting = new Set<() => void>()

  readonly add = (signal: JournalSignal): void => {
    this.all.push(signal)
    for (const look of [...this.#waiting]) look()
  }

  async until(matches: (signal: JournalSignal) => boolean): Promise<JournalSignal> {
    const found = () => this.all.find(matches)
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!found()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
    return found() as JournalSignal
  }
}

/** Takes events, and waits for them. */
export class Seen {
  readonly events: JournalEvent[] = []
  readonly #waiting = new Set<() => void>()

  readonly take = async (events: readonly JournalEvent[]): Promise<void> => {
    this.events.push(...events)
    for (const look of [...this.#waiting]) look()
  }

  get numbers(): number[] {
    return this.events.map((event) => event.data.n as number)
  }

  async until(holds: (seen: this) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!holds(this)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  count(count: number): Promise<void> {
    return this.until(() => this.events.length >= count)
  }
}

interface Opened {
  readonly db: Database
  readonly url: string | null
  open(): Promise<Database>
  close(): Promise<void>
}

async function openDatabase(engine: Engine, instrument: Instrument | undefined): Promise<Opened> {
  const own = { ...deps, ...(instrument && { instrument }) }
  if (engine === 'pglite') {
    template ??= pgliteTemplate()
    const db = await openPglite({ dataDir: null, template: await template }, own)
    return { db, url: null, open: async () => db, close: async () => await db[Symbol.asyncDispose]() }
  }
  const url = process.env.STOA_TEST_DATABASE_URL
  if (url === undefined) throw new Error('STOA_TEST_DATABASE_URL is not set: run this by npm test')
  const name = `journal_${randomBytes(6).toString('hex')}`
  const maintenance = await openPostgres({ url, poolSize: 1 }, deps)
  await maintenance.admin((session) => session.exec(`create database ${name}`))
  const ownUrl = new URL(url)
  ownUrl.pathname = `/${name}`
  const opened: Database[] = []
  const open = async (): Promise<Database> => {
    const db = await openPostgres({ url: ownUrl.href, poolSize: 20 }, own)
    opened.push(db)
    return db
  }
  const db = await open()
  await migrateJournal(db)
  return {
    db,
    url: ownUrl.href,
    open,
    async close() {
      for (const each of opened) await each[Symbol.asyncDispose]()
      await maintenance.admin((session) => session.exec(`drop database ${name} with (force)`))
      await maintenance[Symbol.asyncDispose]()
    },
  }
}

/** Creating PGlite takes seconds, copying it a fraction of one. */
let template: Promise<Blob> | undefined

async function pgliteTemplate(): Promise<Blob> {
  await using db = await openPglite({ dataDir: null }, deps)
  await migrateJournal(db)
  return await db.dump()
}

async function migrateJournal(db: Database): Promise<void> {
  await migrate(db, [journalMigrations], deps)
}
