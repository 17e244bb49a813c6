import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { statement } from '@stoa/db'
import { newId } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { jobsRemoved, plannedByIndex } from '../src/job-store.ts'
import { keepTidy } from '../src/tidying.ts'
import { numbered, QUICK, setup } from './setup.ts'

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

    it('is looked up by its key, also when it was empty for PostgreSQL a moment ago', async () => {
      await using bench = await setup(engine, { jobs: [], worker: null })
      const { ctx, db } = bench
      await db.admin((session) => session.exec('vacuum stoa.jobs'))
      const removal = jobsRemoved([], [], [], newId())
      const explain = statement<unknown[], Record<string, string>>(`explain (costs off) ${removal.sql}`)
      const plan = await db.system(ctx, async (tx) => {
        await tx.run(plannedByIndex('off'))
        return tx.many(explain(...removal.parameters))
      })
      const found = plan.map((row) => String(Object.values(row)).trim()).filter((line) => /^Index Cond/.test(line))
      assert.deepEqual(found, ['Index Cond: ((tenant_id = ANY (ARRAY[ended.tenant_id])) AND (id = ended.id))'])
    })

    it('has claimed jobs where they were: their indexes do not hear of it, unless they run for long', async () => {
      const go = Promise.withResolvers<void>()
      const job = numbered(() => go.promise)
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, db, queue } = bench
      const inputs = Array.from({ length: 100 }, (_, n) => ({ n }))
      await db.transaction(ctx, async (tx) => {
        queue.enqueueMany(ctx, tx, job, inputs)
      })
      const places = () =>
        db.admin((session) =>
          session.query<{ page: string; state: string; indexed: string }>(
            "select split_part(ctid::text, ',', 1) as page, state, indexed_state as indexed from stoa.jobs order by id",
          ),
        )
      const before = await places()
      await queue.work({ ...QUICK, slots: 200, heartbeatMs: 1_000, deadAfterMs: 10_000 })
      const claimed = await eventually(places, (rows) => rows.every(({ state }) => state === 'running'))
      assert.deepEqual(
        claimed,
        before.map(({ page }) => ({ page, state: 'running', indexed: 'ready' })),
      )
      assert.ok(new Set(before.map(({ page }) => page)).size > 1)
      await eventually(places, (rows) => rows.every(({ indexed }) => indexed === 'running'))
      go.resolve()
      await eventually(async () => (await places()).length === 0)
    })
  })
}
