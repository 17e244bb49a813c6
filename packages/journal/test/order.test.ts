import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { statement } from '@stoa/db'
import { engines, eventually } from '@stoa/testkit'
import { comparePositions, type JournalEvent, type Position } from '../src/index.ts'
import { type Bench, note, Seen, setup, tenant } from './setup.ts'

const WRITERS = 12
/** Per writer. PGlite runs one transaction at a time, its pauses too. */
const TRANSACTIONS = { pglite: 12, postgres: 40 }
const LAST = 999_999_999
const look = statement<[], { one: number }>('select 1 as one')
const seenInTransaction = statement<[n: number, position: string], never>(
  'insert into stoa.seen (n, position) values ($1, $2)',
)

/**
 * Commits or rolls back transactions with random pauses before the commit, and returns the numbers that were committed.
 */
async function write(bench: Bench, writer: number): Promise<number[]> {
  const { db, journal } = bench
  const ctx = tenant(`writer-${writer}`)
  const committed: number[] = []
  for (let i = 0; i < TRANSACTIONS[db.engine]; i++) {
    const numbers = Array.from({ length: 1 + Math.floor(Math.random() * 4) }, (_, k) => writer * 100_000 + i * 10 + k)
    const rollsBack = Math.random() < 0.2
    const work = db.transaction(ctx, async (tx) => {
      for (const n of numbers) {
        journal.append(ctx, tx, note(n))
        // Has the event sent now, so that its number is taken long before the commit.
        if (Math.random() < 0.5) await tx.one(look())
        if (Math.random() < 0.3) await delay(Math.random() * 20)
      }
      if (rollsBack) throw new RollBack()
    })
    await work.then(
      () => committed.push(...numbers),
      (error: unknown) => assert.ok(error instanceof RollBack, String(error)),
    )
  }
  return committed
}

class RollBack extends Error {}

const ascending = (a: number, b: number): number => a - b

function mapValues(readers: Record<string, Seen>): Record<string, JournalEvent[]> {
  return Object.fromEntries(Object.entries(readers).map(([name, seen]) => [name, seen.events]))
}

function assertOrdered(positions: readonly string[], who: string): void {
  for (let i = 1; i < positions.length; i++) {
    const order = comparePositions(positions[i - 1] as Position, positions[i] as Position)
    assert.ok(order < 0, `${who}: ${positions[i - 1]} came before ${positions[i]}`)
  }
}

for (const engine of engines) {
  describe(`order of the journal (${engine})`, () => {
    it('every reader sees every committed event exactly once and in one order, and nothing that was rolled back', async () => {
      await using bench = await setup(engine)
      const { db, journal, system } = bench
      await db.admin((session) =>
        session.exec('create table stoa.seen (n bigint, position text); grant insert on stoa.seen to stoa_system'),
      )
      const other = await bench.another()
      const readers = {
        durable: new Seen(),
        small: new Seen(),
        elsewhere: new Seen(),
        tail: new Seen(),
        tail2: new Seen(),
      }
      const pulled: JournalEvent[] = []
      const stop = new AbortController()
      const pulling = (async () => {
        let position: Position | null = null
        while (!stop.signal.aborted) {
          const page: { events: readonly JournalEvent[]; position: Position } = await other.journal.read(
            system,
            position,
            7,
          )
          pulled.push(...page.events)
          position = page.position
          await delay(3)
        }
      })()
      const tail = journal.tail({ name: 'tail' }, readers.tail.take)
      const tail2 = other.journal.tail({ name: 'tail', pollMs: 20, batchSize: 3 }, readers.tail2.take)
      await Promise.all([tail.ready, tail2.ready])
      const running = [
        tail,
        tail2,
        journal.reader({ name: 'durable', from: 'start' }, readers.durable.take),
        journal.reader({ name: 'small', from: 'start', batchSize: 2 }, readers.small.take),
        other.journal.reader({ name: 'elsewhere', from: 'start', pollMs: 10 }, readers.elsewhere.take),
        journal.reader({ name: 'transactional', from: 'start', transactional: true }, async (events, tx) => {
          for (const event of events) tx.later(seenInTransaction(event.data.n as number, event.position))
        }),
      ]

      const written = await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(bench, writer)))
      const committed = written.flat().sort(ascending)
      // Whoever has seen the last event has seen, or skipped, all before it.
      await bench.append(LAST)
      const seesLast = (events: readonly JournalEvent[]) => events.some((event) => event.data.n === LAST)
      await Promise.all(Object.values(readers).map((seen) => seen.until((s) => seesLast(s.events))))
      const stored = () =>
        db.admin((session) => session.query<{ n: number; position: string }>('select n, position from stoa.seen'))
      await eventually(() => seesLast(pulled))
      await eventually(stored, (rows) => rows.some((row) => row.n === LAST))
      for (const reader of running) await reader[Symbol.asyncDispose]()
      stop.abort()
      await pulling

      const expected = [...committed, LAST]
      for (const [name, events] of Object.entries({ ...mapValues(readers), pulled })) {
        const numbers = events.map((event) => event.data.n as number)
        assertOrdered(
          events.map((event) => event.position),
          name,
        )
        assert.deepEqual([...numbers].sort(ascending), expected, name)
        assert.deepEqual(numbers, readers.durable.numbers, `${name} has the order of the others`)
      }
      assert.deepEqual((await stored()).map((row) => row.n).sort(ascending), expected, 'transactional')
    })
  })
}
