import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Database, openPostgres } from '@stoa/db'
import { isError, silentLogger, systemClock } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { createQueue, queueErrors } from '../src/index.ts'
import { numbered, setup } from './setup.ts'

for (const engine of engines) {
  describe(`what is done to jobs, on ${engine}`, () => {
    const ordinary = numbered(async () => undefined)
    const oneByOne = numbered(async () => undefined, { name: 'test.one_by_one', concurrency: { limit: 1 } })
    const minor = numbered(async () => undefined, { name: 'test.minor', lane: 'bulk' })
    const open = () => setup(engine, { jobs: [ordinary, oneByOne, minor], worker: null })

    it('depths tell of each lane what is ready, comes later or is held, and for how long the oldest has waited', async () => {
      await using bench = await open()
      const { ctx, queue } = bench
      const anHourAgo = new Date(ctx.clock.now() - 3_600_000)
      await queue.add(ctx, ordinary, { n: 1 }, { runAt: anHourAgo })
      await queue.add(await bench.tenant('other'), ordinary, { n: 2 })
      await queue.add(ctx, ordinary, { n: 3 }, { delayMs: 60_000 })
      await queue.add(ctx, oneByOne, { n: 4 })
      const depths = await queue.operations.depths()
      assert.deepEqual(
        depths.map(({ held, lane, ready, scheduled }) => ({ lane, ready, scheduled, held })),
        [
          { lane: 'critical', ready: 0, scheduled: 0, held: 0 },
          { lane: 'default', ready: 2, scheduled: 1, held: 1 },
          { lane: 'remote', ready: 0, scheduled: 0, held: 0 },
          { lane: 'bulk', ready: 0, scheduled: 0, held: 0 },
          { lane: 'external', ready: 0, scheduled: 0, held: 0 },
        ],
      )
      const [critical, standard] = depths
      assert.equal(critical?.oldestMs, 0)
      assert.ok((standard?.oldestMs ?? 0) >= 3_600_000)
    })

    it('the list is the tenant’s own, the newest first, by state, kind and place', async () => {
      await using bench = await open()
      const { ctx, queue } = bench
      const stranger = await bench.tenant('other')
      const ids: string[] = []
      for (const n of [1, 2, 3]) ids.push(await queue.add(ctx, ordinary, { n }))
      const later = await queue.add(ctx, minor, { n: 4 }, { delayMs: 60_000 })
      await queue.add(stranger, ordinary, { n: 5 })
      await queue.operations.cancel(ctx, ids[0] as string)
      const listed = async (filter: Parameters<typeof queue.operations.list>[1]) =>
        (await queue.operations.list(ctx, filter)).map(({ id }) => id)
      assert.deepEqual(await listed({}), [later, ids[2], ids[1], ids[0]])
      assert.deepEqual(await listed({ states: ['ready', 'cancelled'] }), [ids[2], ids[1], ids[0]])
      assert.deepEqual(await listed({ kind: 'test.minor' }), [later])
      assert.deepEqual(await listed({ before: ids[2] as string, limit: 1 }), [ids[1]])
    })

    it('what is paused is told by lane and kind, until it is resumed', async () => {
      await using bench = await open()
      const { queue } = bench
      await queue.operations.pause({ lane: 'bulk' })
      await queue.operations.pause({ kind: 'test.numbered' })
      assert.deepEqual(await queue.operations.paused(), ['kind:test.numbered', 'lane:bulk'])
      await queue.operations.resume({ lane: 'bulk' })
      await queue.operations.resume({ kind: 'test.numbered' })
      assert.deepEqual(await queue.operations.paused(), [])
    })

    it('another tenant’s job is not there, whatever is tried', async () => {
      await using bench = await open()
      const { ctx, queue } = bench
      const id = await queue.add(ctx, ordinary, { n: 1 })
      const stranger = await bench.tenant('other')
      const { cancel, job, redrive, retry } = queue.operations
      for (const attempt of [job, cancel, retry, redrive]) {
        await assert.rejects(attempt(stranger, id), (error) => isError(error, queueErrors.job_not_found))
      }
      assert.equal((await queue.operations.job(ctx, id)).state, 'ready')
    })

    it('all dead letters are made new once, also when they die again meanwhile', async () => {
      let ran = 0
      const hopeless = numbered(() => Promise.reject(new Error(`no ${++ran}`)), { retries: 0 })
      await using bench = await setup(engine, { jobs: [hopeless] })
      const { ctx, db, queue } = bench
      const over = (times: number) => eventually(async () => ran === times && (await bench.rows()).length === 0)
      await Promise.all([1, 2, 3].map((n) => queue.add(ctx, hopeless, { n })))
      await over(3)
      // Whoever looks for the next ones looks when those of before are dead again.
      let looks = 0
      const read: typeof db.read = async (...asked) => {
        if (looks++ > 0) await over(3 * looks)
        return await db.read(...asked)
      }
      const slow = { read, transaction: db.transaction.bind(db) } as Database
      await using other = createQueue({ jobs: [hopeless] }, { db: slow, log: ctx.log, clock: ctx.clock })
      assert.equal(await other.operations.redriveAll(ctx), 3)
      assert.deepEqual([ran, looks], [6, 2])
    })

    it('a cancelled job is made new by a redrive, and one that is not finished is not', async () => {
      await using bench = await open()
      const { ctx, queue } = bench
      const id = await queue.add(ctx, ordinary, { n: 1 })
      await assert.rejects(queue.operations.redrive(ctx, id), (error) => isError(error, queueErrors.job_not_finished))
      assert.equal(await queue.operations.cancel(ctx, id), true)
      await assert.rejects(queue.operations.cancel(ctx, id), (error) => isError(error, queueErrors.job_finished))
      await queue.operations.redrive(ctx, id)
      assert.equal((await queue.operations.job(ctx, id)).state, 'ready')
    })
  })
}

describe('a job that is cancelled while it goes from one state to another (postgres)', () => {
  it('is cancelled, and not taken for one that has ended', async () => {
    const job = numbered(async () => undefined)
    await using bench = await setup('postgres', { jobs: [job], worker: null })
    const { ctx } = bench
    const id = await bench.queue.add(ctx, job, { n: 1 })
    const become = (state: string) =>
      bench.db.admin((session) => session.query('update stoa.jobs set state = $1', [state]))
    await become('running')
    let between = 0
    const instrument = async <T>(sql: string, run: () => Promise<T>): Promise<T> => {
      if (sql.includes('set cancel_requested = true') && between++ === 0) await become('scheduled')
      return await run()
    }
    const deps = { log: silentLogger, clock: systemClock }
    await using db = await openPostgres({ url: bench.url ?? '', poolSize: 2 }, { ...deps, instrument })
    await using queue = createQueue({ jobs: [job] }, { ...deps, db })
    assert.equal(await queue.operations.cancel(ctx, id), true)
    assert.equal(between, 1)
    assert.equal((await queue.operations.job(ctx, id)).state, 'cancelled')
  })
})
