import type { Database } from '@stoa/db'
import { type BaseCtx, type Clock, type Ctx, newId, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import {
  type Engine,
  eventually,
  inTime,
  openTestDatabase,
  TestClock,
  type TestDatabase,
  testCtx,
  whenTestsEnd,
} from '@stoa/testkit'
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

export const noted = defineEvent({
  type: 'test.noted',
  version: 1,
  description: 'Something was noted.',
  data: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
})

export const note = (n: number, ...subjects: string[]) =>
  noted.of({ n }, subjects.length > 0 ? subjects : [`note:${n}`])

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
  /**
   * Reads until there are `count` events: a transaction of anybody else on the server may hold them back for a moment.
   * From then on every reader can read them, at once and together.
   */
  readAll(count: number): Promise<readonly JournalEvent[]>
  /** Commits one event per number. */
  append(...numbers: number[]): Promise<void>
}

export interface BenchOptions {
  readonly hints?: Hints
  readonly clock?: Clock
  readonly events?: readonly EventDefinition[]
  /** False: the default partition alone. */
  readonly partitions?: boolean
}

export async function setup(engine: Engine, options: BenchOptions = {}): Promise<Bench> {
  const database = await emptyDatabase(engine)
  const { db, url } = database
  const events = options.events ?? [noted]
  const clock = options.clock ?? systemClock
  const hints = options.hints ?? processHints()
  const observed = new Observed()
  const journal = createJournal({ events }, { db, hints, log: silentLogger, clock, observe: observed.add })
  // Readers of one journal share pages: whoever only looks has a journal of its own, and so changes nothing.
  const onlooker = createJournal({ events }, { db, hints: processHints(), log: silentLogger, clock })
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
      const opened = await database.open()
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
    async readAll(count) {
      const read = async () => (await onlooker.read(system, null, 5_000)).events
      return await eventually(read, (events) => events.length >= count)
    },
    async append(...numbers) {
      for (const n of numbers) await db.transaction(ctx, async (tx) => journal.append(ctx, tx, note(n)))
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

/** A context in a tenant of its own, which exists in name only. */
export function tenant(slug = 'acme', clock: Clock = systemClock): Ctx {
  return testCtx({ clock, tenant: { id: newId(), slug, schema: 'stoa_pool' } })
}

/** PGlite takes much longer to open than to empty: one is handed from test to test. */
let spare: TestDatabase | undefined
whenTestsEnd(() => spare?.[Symbol.asyncDispose]())

async function emptyDatabase(engine: Engine): Promise<TestDatabase> {
  const fresh = () => openTestDatabase(engine, { sets: [journalMigrations], name: 'journal', poolSize: 20 })
  if (engine === 'postgres') return await fresh()
  const database = spare ?? (await fresh())
  spare = undefined
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await database.db.admin((session) => session.exec(EMPTY))
      spare = database
    },
  }
}

const EMPTY = `
truncate stoa.events, stoa.journal_readers;
drop table if exists stoa.taken, stoa.seen;
do $$ declare partition text; begin
  for partition in select c.relname from pg_class c where c.relname ~ '^events_\\d{4}_\\d\\d$' and c.relkind = 'r' loop
    execute 'drop table stoa.' || partition;
  end loop;
end $$`

/** Hints that are all lost. */
export const lostHints: Hints = {
  publish: () => undefined,
  subscribe: () => ({ [Symbol.dispose]: () => undefined }),
  [Symbol.asyncDispose]: async () => undefined,
}

/** Moves the clock forward to a time, waking who sleeps until then. */
export const advanceTo = (clock: TestClock, iso: string): Promise<void> => clock.advance(Date.parse(iso) - clock.now())

export const clockAt = (iso: string): TestClock => new TestClock(Date.parse(iso))

/** Waits for signals of the journal. */
class Observed {
  readonly all: JournalSignal[] = []
  readonly #waiting = new Set<() => void>()

  readonly add = (signal: JournalSignal): void => {
    this.all.push(signal)
    for (const look of [...this.#waiting]) look()
  }

  async until(matches: (signal: JournalSignal) => boolean): Promise<JournalSignal> {
    const seen = new Promise<JournalSignal>((resolve) => {
      const look = () => {
        const found = this.all.find(matches)
        if (!found) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
    return await inTime(seen, `a signal that ${matches}`)
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
    const held = new Promise<void>((resolve) => {
      const look = () => {
        if (!holds(this)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
    await inTime(held, `that which ${holds}`)
  }

  count(count: number): Promise<void> {
    return this.until(() => this.events.length >= count)
  }
}
