import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines } from '@stoa/testkit'
import { Seen, setup } from './setup.ts'

for (const engine of engines) {
  describe(`live tails (${engine})`, () => {
    it('a tail sees what is committed after it was ready, and nothing that could be read before', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2)
      await bench.readAll(2)
      const seen = new Seen()
      await using tail = bench.journal.tail({ name: 't' }, seen.take)
      await tail.ready
      await bench.append(3, 4)
      await seen.count(2)
      assert.deepEqual(seen.numbers, [3, 4])
    })

    it('every tail of every process sees every event', async () => {
      await using bench = await setup(engine)
      const other = await bench.another()
      const [a, b, c] = [new Seen(), new Seen(), new Seen()]
      await using ta = bench.journal.tail({ name: 't' }, a.take)
      await using tb = bench.journal.tail({ name: 't' }, b.take)
      // Its hints are of another process, so it lives by its poll.
      await using tc = other.journal.tail({ name: 't', pollMs: 20 }, c.take)
      await Promise.all([ta.ready, tb.ready, tc.ready])
      await bench.append(1, 2, 3)
      await Promise.all([a.count(3), b.count(3), c.count(3)])
      assert.deepEqual(
        [a.numbers, b.numbers, c.numbers],
        [
          [1, 2, 3],
          [1, 2, 3],
          [1, 2, 3],
        ],
      )
    })

    it('while the handler is busy hints gather: it is called once for all, never twice at a time', async () => {
      await using bench = await setup(engine)
      const seen = new Seen()
      const busy = Promise.withResolvers<void>()
      let inside = 0
      const sizes: number[] = []
      await using tail = bench.journal.tail({ name: 't' }, async (events) => {
        inside++
        assert.equal(inside, 1)
        sizes.push(events.length)
        await seen.take(events)
        if (sizes.length === 1) await busy.promise
        inside--
      })
      await tail.ready
      await bench.append(0)
      await seen.count(1)
      await bench.append(...Array.from({ length: 30 }, (_, i) => i + 1))
      await bench.readAll(31)
      busy.resolve()
      await seen.count(31)
      assert.deepEqual(sizes, [1, 30])
    })

    it('a handler that throws gets the same events again', async () => {
      await using bench = await setup(engine)
      const seen = new Seen()
      let failures = 2
      await using tail = bench.journal.tail({ name: 't', retryMinMs: 1 }, async (events) => {
        if (failures-- > 0) throw new Error('not yet')
        await seen.take(events)
      })
      await tail.ready
      await bench.append(1, 2)
      await seen.count(2)
      assert.deepEqual(seen.numbers, [1, 2])
    })

    it('a tail that is disposed is not called any more', async () => {
      await using bench = await setup(engine)
      const [ended, going] = [new Seen(), new Seen()]
      const tail = bench.journal.tail({ name: 'ended' }, ended.take)
      await using other = bench.journal.tail({ name: 'going' }, going.take)
      await Promise.all([tail.ready, other.ready])
      await tail[Symbol.asyncDispose]()
      await bench.append(1)
      await going.count(1)
      assert.deepEqual(ended.numbers, [])
    })
  })
}
