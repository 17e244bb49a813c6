import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Ctx } from '@stoa/kernel'
import { engines } from '@stoa/testkit'
import { Type } from 'typebox'
import { comparePositions, defineEvent, type Position, startPosition } from '../src/index.ts'
import { note, noted, setup, tenant } from './setup.ts'

for (const engine of engines) {
  describe(`places of the journal (${engine})`, () => {
    it('what lies up to a position is read back from it, the last ones, oldest first', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2, 3, 4)
      const events = await bench.readAll(4)
      const third = events[2]?.position as Position
      const numbers = async (limit: number) =>
        (await bench.journal.readBack(bench.system, third, limit)).map(({ data }) => data.n)
      assert.deepEqual(
        [await numbers(2), await numbers(10)],
        [
          [2, 3],
          [1, 2, 3],
        ],
      )
      assert.deepEqual(await bench.journal.readBack(bench.system, startPosition, 5), [])
      await assert.rejects(bench.journal.readBack(bench.system, 'nonsense' as Position, 5), { code: 'invalid_cursor' })
      await assert.rejects(bench.journal.readBack(bench.system, third, 0), RangeError)
    })

    it('what was written about one thing can be read, in order, and of a type that comes often the newest alone', async () => {
      const stirred = defineEvent({
        type: 'test.stirred',
        version: 1,
        description: 'It stirred.',
        data: Type.Object({ n: Type.Integer() }),
      })
      await using bench = await setup(engine, { events: [noted, stirred] })
      const { ctx, db, journal } = bench
      const since = new Date(Date.now() - 60_000)
      for (const event of [
        note(1, 'thing:a', 'thing:b'),
        stirred.of({ n: 2 }, ['thing:a']),
        stirred.of({ n: 3 }, ['thing:a']),
        note(4, 'thing:b', 'thing:a'),
        note(5, 'thing:a'),
      ]) {
        await db.transaction(ctx, async (tx) => journal.append(ctx, tx, event))
      }
      await bench.readAll(5)
      const numbers = async (own: Ctx, filter: { since: Date; newestOf?: string }) =>
        (await journal.about(own, 'thing:a', filter)).map(({ data }) => data.n)
      assert.deepEqual(await numbers(ctx, { since }), [1, 2, 3, 5])
      assert.deepEqual(await numbers(ctx, { since, newestOf: 'test.stirred' }), [1, 3, 5])
      assert.deepEqual(await numbers(ctx, { since: new Date(Date.now() + 60_000) }), [])
      assert.deepEqual(await numbers(tenant('other', ctx.clock), { since }), [])
    })

    it('a position that was given out has been reached, and one ahead of all has not', async () => {
      await using bench = await setup(engine)
      await bench.append(1)
      const [event] = await bench.readAll(1)
      const reached = (position: string) => bench.journal.hasReached(bench.system, position)
      assert.equal(await reached(event?.position as string), true)
      assert.equal(await reached('18446744073709551615.1'), false)
      await assert.rejects(reached('1'), { code: 'invalid_cursor' })
    })

    it('a tail says where it begins, and that is a place that has been reached', async () => {
      await using bench = await setup(engine)
      await bench.append(1)
      const [event] = await bench.readAll(1)
      await using tail = bench.journal.tail({ name: 't' }, async () => undefined)
      const place = await tail.ready
      assert.ok(place !== null && comparePositions(place, event?.position as Position) > 0)
      assert.equal(await bench.journal.hasReached(bench.system, place), true)
    })
  })
}
