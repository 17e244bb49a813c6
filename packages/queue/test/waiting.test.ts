import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { createLimiter, createMemoryStore } from '@stoa/limiter'
import { engines, eventually } from '@stoa/testkit'
import { queueErrors } from '../src/index.ts'
import { numbered, QUICK, setup } from './setup.ts'

for (const engine of engines) {
  describe(`jobs that wait on ${engine}`, () => {
    it('for a time do not run before it', async () => {
      const ran: number[] = []
      const job = numbered((_, { n }) => void ran.push(n))
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const due = Date.now() + 150
      await queue.add(ctx, job, { n: 2 }, { runAt: new Date(due) })
      await queue.add(ctx, job, { n: 1 })
      await eventually(() => ran.length === 2)
      assert.deepEqual(ran, [1, 2])
      assert.ok(Date.now() >= due)
    })

    it('of one key run no more at a time than the key allows, and all of them run', async () => {
      let running = 0
      let most = 0
      const ran: number[] = []
      const job = numbered(
        async (_, { n }) => {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setImmediate(resolve))
          running--
          ran.push(n)
        },
        { concurrency: { limit: 2, key: ({ n }) => (n < 100 ? 'few' : 'others') } },
      )
      await using bench = await setup(engine, { jobs: [job] })
      const { another, ctx, queue } = bench
      await another()
      await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add(ctx, job, { n })))
      await eventually(() => ran.length === 20)
      assert.ok(most <= 2, `${most} at a time`)
      assert.deepEqual(
        ran.toSorted((a, b) => a - b),
        Array.from({ length: 20 }, (_, n) => n),
      )
    })

    it('for children run when all have ended, whatever became of them', async () => {
      const child = numbered(
        (_, { n }) => {
          if (n === 2) throw new Error('no')
          return n
        },
        { name: 'test.child', retries: 0, lane: 'bulk' },
      )
      const parent = numbered(async (_, __, running) => await running.children())
      await using bench = await setup(engine, { jobs: [child, parent] })
      const { ctx, db, queue } = bench
      const { children, id } = await db.transaction(ctx, async (tx) =>
        queue.enqueueAfter(
          ctx,
          tx,
          { job: parent, input: { n: 0 } },
          [1, 2, 3].map((n) => ({ job: child, input: { n } })),
        ),
      )
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      assert.deepEqual(
        done.result,
        children.map((childId, index) => ({
          id: childId,
          kind: 'test.child',
          outcome: index === 1 ? 'dead' : 'done',
          result: index === 1 ? null : index + 1,
        })),
      )
    })

    it('for children wait for their time and for their turn after that', async () => {
      const go = Promise.withResolvers<void>()
      const child = numbered(() => undefined, { name: 'test.child', lane: 'bulk' })
      const parent = numbered(() => go.promise, { name: 'test.parent', concurrency: { limit: 1 } })
      const later = numbered(() => undefined)
      await using bench = await setup(engine, { jobs: [child, parent, later] })
      const { ctx, db, queue } = bench
      const first = await queue.add(ctx, parent, { n: 0 })
      const state = async (id: string) => (await queue.operations.job(ctx, id)).state
      await eventually(async () => (await state(first)) === 'running')
      const after = (wanted: Parameters<typeof queue.enqueueAfter>[2]) =>
        db.transaction(ctx, async (tx) => queue.enqueueAfter(ctx, tx, wanted, [{ job: child, input: { n: 1 } }]).id)
      const second = await after({ job: parent, input: { n: 1 } })
      const delayed = await after({ job: later, input: { n: 1 }, options: { delayMs: 3_600_000 } })
      assert.notEqual(
        await eventually(
          () => state(second),
          (now) => now !== 'waiting',
        ),
        'running',
      )
      assert.equal(
        await eventually(
          () => state(delayed),
          (now) => now !== 'waiting',
        ),
        'scheduled',
      )
      assert.equal(await state(second), 'held')
      go.resolve()
      await eventually(async () => (await state(second)) === 'done')
    })

    it('for the turn of a key find it, however many keys before it have none', async () => {
      const ran: number[] = []
      const job = numbered((_, { n }) => void ran.push(n), {
        concurrency: { limit: 1, key: ({ n }) => String(n).padStart(4, '0') },
      })
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, db, queue } = bench
      await queue.operations.pause({ lane: 'bulk' })
      const twice = Array.from({ length: 1_040 }, (_, n) => ({ n: n % 520 }))
      await db.transaction(ctx, async (tx) => queue.enqueueMany(ctx, tx, job, twice, { lane: 'bulk' }))
      await queue.work(QUICK)
      await eventually(async () => (await bench.rows()).filter(({ state }) => state === 'ready').length === 520)
      await queue.add(ctx, job, { n: 9_999 })
      await eventually(() => ran.length === 1)
      assert.deepEqual(ran, [9_999])
    })

    it('are made once by key: until they have ended, or for a while', async () => {
      const go = Promise.withResolvers<void>()
      const job = numbered(() => go.promise, { unique: { key: ({ n }) => `n${n}` } })
      const windowed = numbered(() => undefined, {
        name: 'test.windowed',
        unique: { key: () => 'one', windowMs: 3_600_000 },
      })
      await using bench = await setup(engine, { jobs: [job, windowed] })
      const { ctx, db, queue } = bench
      const once = (n: number) => db.transaction(ctx, (tx) => queue.enqueueOnce(ctx, tx, job, { n }))
      const first = await once(1)
      assert.equal(first.isNew, true)
      assert.deepEqual(await once(1), { id: first.id, isNew: false })
      assert.equal((await once(2)).isNew, true)
      const below = [{ job, input: { n: 3 } }]
      await assert.rejects(
        db.transaction(ctx, async (tx) => queue.enqueueAfter(ctx, tx, { job: windowed, input: { n: 1 } }, below)),
        /is unique/,
      )
      go.resolve()
      await eventually(async () => (await bench.rows()).length === 0)
      const again = await once(1)
      assert.equal(again.isNew, true)
      const held = await queue.add(ctx, windowed, { n: 1 })
      await eventually(async () => (await queue.operations.job(ctx, held)).state === 'done')
      assert.equal(await queue.add(ctx, windowed, { n: 2 }), held)
    })

    it('that many want at once are made once', async () => {
      const job = numbered(() => undefined, { unique: { key: () => 'one' } })
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, queue } = bench
      const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add(ctx, job, { n })))
      assert.equal(new Set(ids).size, 1)
      assert.equal((await bench.rows()).length, 1)
    })

    it('ask a limiter for their turn, and those that have none wait without having failed', async () => {
      const ran: number[] = []
      let now = 0
      const limiter = createLimiter({ store: createMemoryStore({ clock: () => now }), onStoreFailure: assert.ifError })
      const policy = limiter.policy('test', { capacity: 1, refillPerSecond: 50 })
      const job = numbered((_, { n }) => void ran.push(n), { takeTurn: (ctx) => policy.take(ctx.tenant.id) })
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      await queue.add(ctx, job, { n: 1 })
      await queue.add(ctx, job, { n: 2 })
      await eventually(async () => (await bench.rows())[0]?.state === 'scheduled')
      assert.equal((await bench.rows())[0]?.failures, 0)
      assert.deepEqual(ran, [1])
      now = 20
      await eventually(() => ran.length === 2)
    })

    it('are cancelled at once; those that run are told so', async () => {
      const started = Promise.withResolvers<void>()
      const job = numbered(async (_, { n }, { signal }) => {
        if (n === 1) return
        started.resolve()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      })
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const waiting = await queue.add(ctx, job, { n: 1 }, { delayMs: 60_000 })
      assert.equal(await queue.operations.cancel(ctx, waiting), true)
      assert.equal((await queue.operations.job(ctx, waiting)).state, 'cancelled')
      const running = await queue.add(ctx, job, { n: 2 })
      await started.promise
      assert.equal(await queue.operations.cancel(ctx, running), false)
      await eventually(async () => (await queue.operations.job(ctx, running)).state === 'cancelled')
      await assert.rejects(queue.operations.cancel(ctx, running), (error) => isError(error, queueErrors.job_finished))
    })

    it('that were to be cancelled when their attempt failed, or its worker died, are not run again', async () => {
      const go = Promise.withResolvers<void>()
      const ran: number[] = []
      const job = numbered(
        async (_, { n }) => {
          ran.push(n)
          await go.promise
          throw new Error('it fails')
        },
        { retryMinMs: 60_000, retryMaxMs: 60_000 },
      )
      // The wish comes when the attempt is ending: no sign of life tells the worker of it.
      const worker = { ...QUICK, heartbeatMs: 20_000, deadAfterMs: 60_000 }
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, db, queue } = bench
      const lost = await queue.add(ctx, job, { n: 1 })
      await db.admin((session) =>
        session.exec(
          "update stoa.jobs set state = 'running', attempt = 1, worker = gen_random_uuid(), cancel_requested = true",
        ),
      )
      await queue.work(worker)
      const failing = await queue.add(ctx, job, { n: 2 })
      await eventually(() => ran.includes(2))
      await db.admin((session) =>
        session.query('update stoa.jobs set cancel_requested = true where id = $1', [failing]),
      )
      go.resolve()
      for (const id of [lost, failing]) {
        const { error } = await eventually(
          () => queue.operations.job(ctx, id),
          ({ state }) => state === 'cancelled',
        )
        assert.equal(error?.reason, 'cancelled')
      }
      assert.deepEqual(ran, [2])
    })

    it('are made new when they are dead, one or all', async () => {
      let fails = true
      const job = numbered(
        () => {
          if (fails) throw new Error('no')
        },
        { retries: 0 },
      )
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const ids = await Promise.all([1, 2, 3].map((n) => queue.add(ctx, job, { n })))
      const dead = () => queue.operations.list(ctx, { states: ['dead'] })
      await eventually(dead, (rows) => rows.length === 3)
      fails = false
      await queue.operations.redrive(ctx, ids[0] as string)
      await eventually(async () => (await queue.operations.job(ctx, ids[0] as string)).state === 'done')
      assert.equal(await queue.operations.redriveAll(ctx, 'test.numbered'), 2)
      await eventually(
        () => queue.operations.list(ctx, { states: ['done'] }),
        (rows) => rows.length === 3,
      )
    })

    it('in a lane or of a kind that is paused are not claimed', async () => {
      const ran: number[] = []
      const job = numbered((_, { n }) => void ran.push(n))
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, queue } = bench
      const { operations } = queue
      await operations.pause({ kind: 'test.numbered' })
      await operations.pause({ lane: 'bulk' })
      await queue.work(QUICK)
      assert.deepEqual(await operations.paused(), ['kind:test.numbered', 'lane:bulk'])
      await queue.add(ctx, job, { n: 1 })
      await queue.add(ctx, job, { n: 2 }, { lane: 'bulk' })
      await operations.resume({ kind: 'test.numbered' })
      await eventually(() => ran.length === 1)
      assert.deepEqual(ran, [1])
      await operations.resume({ lane: 'bulk' })
      await eventually(() => ran.length === 2)
    })
  })
}
