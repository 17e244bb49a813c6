import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Database } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { engines } from '@stoa/testkit'
import { type Commit, createJournal } from '../src/index.ts'
import { lostHints, note, noted, Seen, setup, tenant } from './setup.ts'

for (const engine of engines) {
  describe(`watches (${engine})`, () => {
    it('a watch sees what is committed after it was ready, and not what rolled back', async () => {
      await using bench = await setup(engine)
      const seen = new Seen()
      await using watch = bench.journal.watch({ name: 'w' }, seen.take)
      await watch.ready
      await bench.append(1)
      await assert.rejects(
        bench.db.transaction(bench.ctx, async (tx) => {
          bench.journal.append(bench.ctx, tx, note(2))
          throw new Error('never mind')
        }),
        /never mind/,
      )
      await bench.append(3)
      await seen.until(() => seen.numbers.includes(3))
      assert.deepEqual(
        seen.numbers.filter((n) => n !== 3),
        [1],
      )
    })

    it('a lost hint delays by the poll', async () => {
      await using bench = await setup(engine, { hints: lostHints })
      const seen = new Seen()
      await using watch = bench.journal.watch({ name: 'w', pollMs: 20 }, seen.take)
      await watch.ready
      await bench.append(1)
      await seen.count(1)
    })

    it('whoever asks for a look has been handed what was committed before, without a hint and before the poll', async () => {
      await using bench = await setup(engine, { hints: lostHints })
      const seen = new Seen()
      await using watch = bench.journal.watch({ name: 'w', pollMs: 60_000 }, seen.take)
      await watch.ready
      for (let n = 1; n <= 20; n++) {
        await bench.append(n)
        await Promise.all([watch.look(), watch.look()])
        assert.ok(seen.numbers.includes(n))
      }
      const last = watch.look()
      await watch[Symbol.asyncDispose]()
      await last.catch((error) => assert.match(String(error), /ended/))
      await assert.rejects(watch.look(), /ended/)
    })

    it('many writers with pauses before the commit: everything is seen, whatever the order', async () => {
      await using bench = await setup(engine)
      const seen = new Seen()
      await using watch = bench.journal.watch({ name: 'w', batchSize: 3 }, seen.take)
      await watch.ready
      const write = async (n: number) => {
        const ctx = tenant()
        await bench.db.transaction(ctx, async (tx) => {
          bench.journal.append(ctx, tx, note(n))
          // The number is taken at the first write; the commit comes later.
          await tx.many({ sql: 'select 1', parameters: [] })
          await systemClock.sleep(Math.random() * 10)
          bench.journal.append(ctx, tx, note(1_000 + n))
        })
      }
      const numbers = Array.from({ length: 60 }, (_, n) => n)
      await Promise.all(numbers.map(write))
      await seen.until(() => new Set(seen.numbers).size === 120)
    })

    it('a snapshot comes with the last call of a look, when all that it shows was handed over', async () => {
      await using bench = await setup(engine)
      const calls: { readonly numbers: readonly unknown[]; readonly snapshot: string | null }[] = []
      const all = Promise.withResolvers<void>()
      await using watch = bench.journal.watch({ name: 'w', batchSize: 2 }, (events, snapshot) => {
        calls.push({ numbers: events.map((event) => event.data.n), snapshot })
        if (calls.flatMap((call) => call.numbers).includes(4) && snapshot !== null) all.resolve()
      })
      assert.match(await watch.ready, /^\d+:\d+:$/)
      await bench.db.transaction(bench.ctx, async (tx) => {
        for (const n of [0, 1, 2, 3, 4]) bench.journal.append(bench.ctx, tx, note(n))
      })
      await all.promise
      const first = calls.findIndex((call) => call.numbers.length > 0)
      assert.deepEqual(
        calls.slice(first, first + 3).map(({ numbers, snapshot }) => [numbers, snapshot !== null]),
        [
          [[0, 1], false],
          [[2, 3], false],
          [[4], true],
        ],
      )
    })

    it('watches share their looks: who is slow or fails holds nobody up, and who comes later misses nothing', async () => {
      await using bench = await setup(engine)
      let looks = 0
      const db: Database = Object.create(bench.db, {
        systemRead: {
          value(...args: Parameters<Database['systemRead']>) {
            looks += 1
            return bench.db.systemRead(...args)
          },
        },
      })
      const journal = createJournal({ events: [noted] }, { ...bench, db, log: silentLogger, clock: systemClock })
      const [quick, late] = [new Seen(), new Seen()]
      const gate = Promise.withResolvers<void>()
      const slow: unknown[] = []
      let failures = 2
      await using first = journal.watch({ name: 'quick' }, quick.take)
      await using second = journal.watch({ name: 'slow' }, async (events) => {
        await gate.promise
        slow.push(...events.map((event) => event.data.n))
      })
      await using third = journal.watch({ name: 'failing' }, (events) => {
        if (events.length > 0 && failures-- > 0) throw new Error('not yet')
      })
      await Promise.all([first.ready, second.ready, third.ready])
      const numbers = Array.from({ length: 30 }, (_, n) => n + 1)
      for (const n of numbers) {
        await bench.append(n)
        await first.look()
        assert.ok(quick.numbers.includes(n))
      }
      await using fourth = journal.watch({ name: 'late' }, late.take)
      await fourth.ready
      await bench.append(31)
      await Promise.all([fourth.look(), third.look()])
      assert.ok(late.numbers.includes(31))
      gate.resolve()
      await second.look()
      assert.deepEqual(new Set(slow), new Set([...numbers, 31]))
      const before = looks
      await first.look()
      assert.ok(looks - before <= 2, `${looks - before} queries for four watches`)
    })

    it('a handler that throws is given all of the look again', async () => {
      await using bench = await setup(engine)
      const seen = new Seen()
      let failures = 1
      await using watch = bench.journal.watch({ name: 'w' }, async (events) => {
        if (events.length > 0 && failures-- > 0) throw new Error('not yet')
        await seen.take(events)
      })
      await watch.ready
      await bench.append(1)
      await seen.count(1)
    })
  })

  describe(`commits of this process (${engine})`, () => {
    it('are told after the COMMIT, before the transaction gives its result, with the number that positions have', async () => {
      await using bench = await setup(engine)
      const commits: Commit[] = []
      using _listening = bench.journal.committed((commit) => commits.push(commit))
      const ctx = tenant()
      await bench.db.transaction(ctx, async (tx) => {
        bench.journal.append(ctx, tx, note(1, 'note:1', 'list:a'))
        await tx.many({ sql: 'select 1', parameters: [] })
        bench.journal.append(ctx, tx, note(2, 'note:2'))
        assert.equal(commits.length, 0)
      })
      const [first] = await bench.readAll(2)
      const event = { tenantId: ctx.tenant.id, type: 'test.noted' }
      assert.deepEqual(commits, [
        {
          transaction: first?.position.split('.')[0],
          events: [
            { ...event, subjects: ['note:1', 'list:a'] },
            { ...event, subjects: ['note:2'] },
          ],
        },
      ])
    })

    it('what rolls back is not told, and nothing is after the listener has gone', async () => {
      await using bench = await setup(engine)
      const commits: Commit[] = []
      const listening = bench.journal.committed((commit) => commits.push(commit))
      await bench.db
        .transaction(bench.ctx, async (tx) => {
          bench.journal.append(bench.ctx, tx, note(1))
          await tx.many({ sql: 'select 1', parameters: [] })
          throw new Error('never mind')
        })
        .catch(() => undefined)
      await bench.db.transaction(bench.ctx, async (tx) => void (await tx.many({ sql: 'select 1', parameters: [] })))
      listening[Symbol.dispose]()
      await bench.append(1)
      assert.deepEqual(commits, [])
    })
  })
}

describe('an open transaction that has written', () => {
  it('holds a tail back and no watch, and a watch that begins meanwhile sees what was committed behind it', async () => {
    await using bench = await setup('postgres')
    const [early, late, tailed] = [new Seen(), new Seen(), new Seen()]
    const { db: otherDb } = await bench.another()
    await using watch = bench.journal.watch({ name: 'w' }, early.take)
    await using tail = bench.journal.tail({ name: 't' }, tailed.take)
    await Promise.all([watch.ready, tail.ready])
    const [open, close] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const ctx = tenant()
    const holding = otherDb.transaction(ctx, async (tx) => {
      bench.journal.append(ctx, tx, note(0))
      await tx.many({ sql: 'select 1', parameters: [] })
      open.resolve()
      await close.promise
    })
    await open.promise
    await bench.append(1)
    await early.until(() => early.numbers.includes(1))
    await using second = bench.journal.watch({ name: 'w2' }, late.take)
    await second.ready
    await late.until(() => late.numbers.includes(1))
    assert.deepEqual(tailed.numbers, [])
    close.resolve()
    await holding
    await early.until(() => early.numbers.includes(0))
    await late.until(() => late.numbers.includes(0))
    await tailed.count(2)
  })
})
