import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { statement } from '@stoa/db'
import { engines, eventually } from '@stoa/testkit'
import { processHints } from '../src/index.ts'
import { advanceTo, type Bench, clockAt, lostHints, note, Seen, setup } from './setup.ts'

/** So long that a test which had to wait for it would fail by its time-out. */
const NEVER_MS = 60_000

const insertTaken = statement<[n: number], never>('insert into stoa.taken (n) values ($1)')

async function tableOfTaken(bench: Bench): Promise<() => Promise<number[]>> {
  await bench.db.admin((session) =>
    session.exec('create table stoa.taken (n bigint); grant insert on stoa.taken to stoa_system'),
  )
  return async () =>
    (await bench.db.admin((session) => session.query<{ n: number }>('select n from stoa.taken'))).map((row) => row.n)
}

/** What a holder whose process is frozen looks like to the others: its lease has ended, and it does not know. */
const endLease = (bench: Bench) =>
  bench.db.admin((session) => session.exec("update stoa.journal_readers set lease_until = now() - interval '1 s'"))

for (const engine of engines) {
  describe(`durable readers (${engine})`, () => {
    it('from the start: all events in order, batch by batch, and then what comes', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2, 3, 4, 5)
      await bench.readAll(5)
      const seen = new Seen()
      const sizes: number[] = []
      await using _reader = bench.journal.reader({ name: 'r', from: 'start', batchSize: 2 }, async (events) => {
        sizes.push(events.length)
        await seen.take(events)
      })
      await seen.count(5)
      await bench.append(6)
      await seen.count(6)
      assert.deepEqual(seen.numbers, [1, 2, 3, 4, 5, 6])
      assert.deepEqual(sizes, [2, 2, 1, 1])
    })

    it('from now: what is committed after the reader was first acquired, and nothing that could be read before', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2)
      await bench.readAll(2)
      const seen = new Seen()
      await using _reader = bench.journal.reader({ name: 'r', from: 'now' }, seen.take)
      await bench.observed.until((signal) => signal.kind === 'acquired')
      await bench.append(3)
      await seen.count(1)
      assert.deepEqual(seen.numbers, [3])
    })

    it('a reader that is stopped goes on where it stood, and repeats nothing', async () => {
      await using bench = await setup(engine)
      const seen = new Seen()
      await bench.append(1, 2)
      const first = bench.journal.reader({ name: 'r', from: 'start' }, seen.take)
      await seen.count(2)
      await first[Symbol.asyncDispose]()
      await bench.append(3)
      await using _second = bench.journal.reader({ name: 'r', from: 'start' }, seen.take)
      await seen.count(3)
      assert.deepEqual(seen.numbers, [1, 2, 3])
    })

    it('stopping aborts the signal of the handler and waits for it', async () => {
      await using bench = await setup(engine)
      await bench.append(1)
      const started = Promise.withResolvers<void>()
      let finished = false
      const reader = bench.journal.reader({ name: 'r', from: 'start' }, async (_events, signal) => {
        started.resolve()
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        finished = true
      })
      await started.promise
      await reader[Symbol.asyncDispose]()
      assert.ok(finished)
      const [status] = await bench.journal.readers(bench.system)
      assert.notEqual(status?.position, '0.0', 'what the handler finished is saved')
      assert.equal(status?.held, false)
    })

    it('of two with one name one reads; when it is given back, the other takes over at once', async () => {
      const hints = processHints()
      await using bench = await setup(engine, { hints })
      const other = await bench.another({ hints })
      const [a, b] = [new Seen(), new Seen()]
      const first = bench.journal.reader({ name: 'r', from: 'start', leaseMs: NEVER_MS }, a.take)
      await bench.observed.until((signal) => signal.kind === 'acquired')
      await using _second = other.journal.reader({ name: 'r', from: 'start', leaseMs: NEVER_MS }, b.take)
      await bench.append(1, 2)
      await a.count(2)
      await first[Symbol.asyncDispose]()
      await bench.append(3)
      await b.count(1)
      assert.deepEqual([a.numbers, b.numbers], [[1, 2], [3]])
    })

    it('readers of different names do not know of each other', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2)
      const [a, b] = [new Seen(), new Seen()]
      await using _a = bench.journal.reader({ name: 'a', from: 'start' }, a.take)
      await using _b = bench.journal.reader({ name: 'b', from: 'start' }, b.take)
      await Promise.all([a.count(2), b.count(2)])
      assert.deepEqual(
        [a.numbers, b.numbers],
        [
          [1, 2],
          [1, 2],
        ],
      )
    })

    it('a holder that slept through its lease cannot move the cursor any more', async () => {
      const hints = processHints()
      await using bench = await setup(engine, { hints })
      const other = await bench.another({ hints })
      await bench.append(1)
      const asleep = Promise.withResolvers<void>()
      const wake = Promise.withResolvers<void>()
      const late = bench.journal.reader({ name: 'r', from: 'start', leaseMs: NEVER_MS }, async () => {
        asleep.resolve()
        await wake.promise
      })
      await asleep.promise
      await endLease(bench)
      const seen = new Seen()
      await using _next = other.journal.reader({ name: 'r', from: 'start', saveMs: 0 }, seen.take)
      await bench.append(2)
      await seen.count(2)
      wake.resolve()
      await bench.observed.until((signal) => signal.kind === 'lost')
      await bench.append(3)
      await seen.count(3)
      assert.deepEqual(seen.numbers, [1, 2, 3], 'the next holder read all of it, the sleeper none of the rest')
      await late[Symbol.asyncDispose]()
    })

    it('a slow handler keeps its lease: the renewal goes on beside it', async () => {
      await using bench = await setup(engine)
      await bench.append(1)
      const started = Promise.withResolvers<void>()
      const release = Promise.withResolvers<void>()
      await using _slow = bench.journal.reader({ name: 'r', from: 'start', leaseMs: 300 }, async () => {
        started.resolve()
        await release.promise
      })
      await started.promise
      const lease = async () => {
        const [row] = await bench.db.admin((session) =>
          session.query<{ fence: number; leaseUntil: Date }>('select fence, lease_until from stoa.journal_readers'),
        )
        assert.ok(row)
        return row
      }
      const first = (await lease()).leaseUntil.getTime()
      // Three leases long. Nobody else wants the reader: a machine that stalls for a whole lease would give it away,
      // and rightly.
      await eventually(lease, ({ leaseUntil }) => leaseUntil.getTime() >= first + 900)
      assert.equal((await lease()).fence, 1)
      release.resolve()
    })

    it('a handler that throws gets the same event again, later ones wait, and nothing is skipped', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2, 3, 4)
      await bench.readAll(4)
      const seen = new Seen()
      let broken = true
      const attempts: number[][] = []
      await using _reader = bench.journal.reader(
        { name: 'r', from: 'start', retryMinMs: 1, retryMaxMs: 2, stuckAfterFailures: 3 },
        async (events) => {
          const numbers = events.map((event) => event.data.n as number)
          attempts.push(numbers)
          if (broken && numbers.includes(3)) throw new Error('three is broken')
          await seen.take(events)
        },
      )
      const stuck = await bench.observed.until((signal) => signal.kind === 'stuck')
      assert.ok(stuck.kind === 'stuck' && stuck.stuck.reason === 'handler')
      assert.equal((stuck.stuck.error as Error).message, 'three is broken')
      assert.deepEqual(seen.numbers, [1, 2], 'what came before the broken one was taken')
      assert.deepEqual(attempts.slice(0, 5), [[1, 2, 3, 4], [1], [2], [3], [3]])
      const [status] = await bench.journal.readers(bench.system)
      assert.ok(status && status.failures >= 2)
      assert.equal(status.lastError, 'three is broken')
      broken = false
      await seen.count(4)
      assert.deepEqual(seen.numbers, [1, 2, 3, 4])
    })

    it('onStuck is called from the given number of failures on, and may throw', async () => {
      await using bench = await setup(engine)
      await bench.append(1)
      const called: number[] = []
      const enough = Promise.withResolvers<void>()
      await using _reader = bench.journal.reader(
        {
          name: 'r',
          from: 'start',
          retryMinMs: 1,
          retryMaxMs: 1,
          stuckAfterFailures: 2,
          onStuck(stuck) {
            assert.ok(stuck.reason === 'handler')
            called.push(stuck.failures)
            if (called.length === 3) enough.resolve()
            throw new Error('the pager is down')
          },
        },
        async () => {
          throw new Error('no')
        },
      )
      await enough.promise
      assert.deepEqual(called.slice(0, 3), [2, 3, 4])
    })

    it('retries wait by the given clock, twice as long each time', async () => {
      const clock = clockAt('2026-11-20T10:00:00Z')
      await using bench = await setup(engine, { clock })
      await bench.append(1)
      let attempts = 0
      await using _reader = bench.journal.reader(
        { name: 'r', from: 'start', retryMinMs: 1_000, retryMaxMs: 60_000 },
        async () => {
          attempts++
          if (attempts < 3) throw new Error('no')
        },
      )
      const failed = (failures: number) =>
        bench.observed.until((signal) => signal.kind === 'failed' && signal.failures === failures)
      const asleep = () => eventually(() => clock.sleepers > 0)
      await failed(1)
      await asleep()
      assert.equal(attempts, 1)
      await advanceTo(clock, '2026-11-20T10:00:01Z')
      await failed(2)
      await asleep()
      await advanceTo(clock, '2026-11-20T10:00:01.450Z')
      assert.equal(attempts, 2, 'the second wait is at least a second')
      await advanceTo(clock, '2026-11-20T10:00:03Z')
      await bench.observed.until((signal) => signal.kind === 'delivered')
      assert.equal(attempts, 3)
    })

    it('transactional: what the handler wrote is there exactly once, though it failed half-way', async () => {
      await using bench = await setup(engine)
      const taken = await tableOfTaken(bench)
      await bench.append(1, 2, 3)
      let failures = 2
      const done = Promise.withResolvers<void>()
      await using _reader = bench.journal.reader(
        { name: 'r', from: 'start', transactional: true, retryMinMs: 1 },
        async (events, tx) => {
          for (const event of events) {
            await tx.run(insertTaken(event.data.n as number))
            if (event.data.n === 2 && failures-- > 0) throw new Error('half-way')
          }
          if (events.some((event) => event.data.n === 3)) tx.afterCommit(done.resolve)
        },
      )
      await done.promise
      assert.deepEqual(await taken(), [1, 2, 3])
    })

    it('lost hints are repaired by the poll', async () => {
      await using bench = await setup(engine, { hints: lostHints })
      const seen = new Seen()
      await using _reader = bench.journal.reader({ name: 'r', from: 'start', pollMs: 20 }, seen.take)
      await bench.observed.until((signal) => signal.kind === 'acquired')
      for (const n of [1, 2, 3]) {
        await bench.append(n)
        await seen.count(n)
      }
      assert.deepEqual(seen.numbers, [1, 2, 3])
    })

    it('an observer that throws harms nobody', async () => {
      await using bench = await setup(engine)
      bench.observed.all.push = () => {
        throw new Error('the metrics are down')
      }
      const seen = new Seen()
      await using _reader = bench.journal.reader({ name: 'r', from: 'start' }, seen.take)
      await bench.append(1, 2)
      await seen.count(2)
    })

    it('forgetting removes a reader that nobody holds, and only such a one', async () => {
      await using bench = await setup(engine)
      const reader = bench.journal.reader({ name: 'r', from: 'start' }, async () => undefined)
      await bench.observed.until((signal) => signal.kind === 'acquired')
      assert.equal(await bench.journal.forgetReader(bench.system, 'r'), false)
      await reader[Symbol.asyncDispose]()
      assert.equal(await bench.journal.forgetReader(bench.system, 'r'), true)
      assert.deepEqual(await bench.journal.readers(bench.system), [])
    })

    it('options are checked, with a hint at what was meant', async () => {
      await using bench = await setup(engine)
      const start = (options: object) => () =>
        bench.journal.reader({ name: 'r', from: 'start', ...options } as never, async () => undefined)
      assert.throws(start({ leasMs: 1_000 }), /did you mean 'leaseMs'/)
      assert.throws(start({ name: 'No!' }), { code: 'invalid_options' })
      assert.throws(start({ from: 'end' }), { code: 'invalid_options' })
      assert.throws(start({ batchSize: 0 }), { code: 'invalid_options' })
      assert.throws(start({ leaseMs: 1_000, saveMs: 1_000 }), /saveMs must be below leaseMs/)
      assert.throws(start({ retryMinMs: 10, retryMaxMs: 5 }), /retryMinMs must not be above retryMaxMs/)
    })
  })
}

describe('durable readers over several connections (postgres)', () => {
  it('events wait for an older transaction that is in flight, and come soon after its end without any hint', async () => {
    await using bench = await setup('postgres')
    const seen = new Seen()
    await using _reader = bench.journal.reader({ name: 'r', from: 'start', pollMs: NEVER_MS }, seen.take)
    await bench.observed.until((signal) => signal.kind === 'acquired')
    const opened = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const older = bench.db.transaction(bench.ctx, async (tx) => {
      bench.journal.append(bench.ctx, tx, note(-1))
      await tx.one(statement<[], { one: number }>('select 1 as one')())
      opened.resolve()
      await end.promise
      throw new Error('rolled back, so nobody is hinted')
    })
    await opened.promise
    await bench.append(1, 2)
    const page = await bench.journal.read(bench.system, null, 10)
    assert.deepEqual(page.events, [], 'they are committed, and nobody may read them yet')
    end.resolve()
    await assert.rejects(older, /rolled back/)
    await seen.count(2)
    assert.deepEqual(seen.numbers, [1, 2])
  })

  it('transactional: a holder that slept through its lease cannot commit', async () => {
    const hints = processHints()
    await using bench = await setup('postgres', { hints })
    const taken = await tableOfTaken(bench)
    const other = await bench.another({ hints })
    await bench.append(1)
    const asleep = Promise.withResolvers<void>()
    const wake = Promise.withResolvers<void>()
    const options = { name: 'r', from: 'start', transactional: true, leaseMs: NEVER_MS } as const
    await using _late = bench.journal.reader(options, async (_events, tx) => {
      await tx.run(insertTaken(-1))
      asleep.resolve()
      await wake.promise
    })
    await asleep.promise
    await endLease(bench)
    const done = Promise.withResolvers<void>()
    await using _next = other.journal.reader(options, async (events, tx) => {
      for (const event of events) tx.later(insertTaken(event.data.n as number))
      tx.afterCommit(done.resolve)
    })
    await other.observed.until((signal) => signal.kind === 'acquired')
    await done.promise
    wake.resolve()
    await bench.observed.until((signal) => signal.kind === 'lost')
    assert.deepEqual(await taken(), [1])
  })

  it('a reader outlives the loss of every connection', async () => {
    await using bench = await setup('postgres')
    const seen = new Seen()
    await using _reader = bench.journal.reader({ name: 'r', from: 'start', pollMs: 20 }, seen.take)
    await bench.append(1)
    await seen.count(1)
    await bench.db.admin((session) =>
      session.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      ),
    )
    // The writer is told that its connection is gone; it is the reader that must not mind. A writer that was cut off
    // does not know whether its event was committed, so it may be there twice.
    await eventually(() =>
      bench.append(2).then(
        () => true,
        () => false,
      ),
    )
    await seen.until((s) => s.numbers.includes(2))
    assert.deepEqual([...new Set(seen.numbers)], [1, 2])
  })
})
