import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines, eventually } from '@stoa/testkit'
import { keepTidy } from '../src/tidying.ts'
import { numbered, setup } from './setup.ts'

for (const engine of engines) {
  describe(`the table of jobs on ${engine}`, () => {
    it('is vacuumed when many jobs have ended', async () => {
      const job = numbered(() => undefined)
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, db, queue } = bench
      await db.transaction(ctx, async (tx) => {
        queue.enqueueMany(
          ctx,
          tx,
          job,
          Array.from({ length: 3_000 }, (_, n) => ({ n })),
        )
      })
      await db.admin((session) => session.exec('delete from stoa.jobs'))
      const warnings: unknown[] = []
      const log = { ...ctx.log, warn: (bindings: object) => void warnings.push(bindings) }
      let ended = 0
      await using _tidying = keepTidy(db, { ...ctx, log }, () => ended)
      ended = 60_000
      // What is vacuumed is there to be used again: the table does not grow.
      const size = () =>
        db.admin((session) =>
          session.query<{ free: boolean }>(
            "select not exists (select 1 from stoa.jobs) and pg_relation_size('stoa.jobs', 'vm') > 0 as free",
          ),
        )
      await eventually(async () => (await size())[0]?.free)
      assert.deepEqual(warnings, [])
    })
  })
}
