import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines } from '@stoa/testkit'
import { comparePositions, type Position, startPosition } from '../src/index.ts'
import { setup } from './setup.ts'

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
