import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasPermission, isError, tenantCtx } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { cancelJob, type QueueDeps, queueErrors, retryAfter, snoozeJob } from '../src/index.ts'
import { numbered, QUICK, setup } from './setup.ts'

for (const engine of engines) {
  describe(`a job on ${engine}`, () => {
    it('runs once its transaction commits, with its input, in the context of who asked for it', async () => {
      const ran: unknown[] = []
      const job = numbered((ctx, input, { attempt, kind }) => {
        ran.push({ input, attempt, kind, tenant: ctx.tenant.slug, actor: ctx.actor, requestId: ctx.requestId })
      })
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, db, queue } = bench
      await db.transaction(ctx, async (tx) => queue.enqueue(ctx, tx, job, { n: 7 }))
      await eventually(() => ran.length > 0)
      const { actor, requestId } = ctx
      assert.deepEqual(ran, [{ input: { n: 7 }, attempt: 1, kind: 'test.numbered', tenant: 'acme', actor, requestId }])
      await eventually(async () => (await bench.rows()).length === 0)
    })

    it('may do what who asked for it may: permissions, and grants on single resources', async () => {
      const seen: boolean[] = []
      const job = numbered((ctx) => {
        const link = (id: string) => hasPermission(ctx, 'links:write', { kind: 'link', id })
        seen.push(hasPermission(ctx, 'links:read'), hasPermission(ctx, 'links:write'), link('7'), link('8'))
      })
      await using bench = await setup(engine, { jobs: [job] })
      const grants = new Map([['link:7', new Set(['links:write'])]])
      const ctx = tenantCtx(bench.ctx, bench.ctx.tenant, { permissions: new Set(['links:read']), grants })
      await bench.queue.add(ctx, job, { n: 7 })
      await eventually(() => seen.length > 0)
      assert.deepEqual(seen, [true, false, true, false])
      await eventually(async () => (await bench.rows()).length === 0)
    })

    it('does not exist when its transaction is rolled back', async () => {
      let ran = 0
      const job = numbered(() => void ran++)
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, db, queue } = bench
      const failing = db.transaction(ctx, async (tx) => {
        queue.enqueue(ctx, tx, job, { n: 1 })
        throw new Error('no')
      })
      await assert.rejects(failing, /no/)
      await queue.add(ctx, job, { n: 2 })
      await eventually(() => ran === 1)
      await eventually(async () => (await bench.rows()).length === 0)
      assert.equal(ran, 1)
    })

    it('keeps its result, and can be looked up', async () => {
      const job = numbered((_, { n }) => ({ double: 2 * n, text: 'a\0b' }))
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, job, { n: 21 })
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      assert.deepEqual(done.result, { double: 42, text: 'a\uFFFDb' })
      assert.deepEqual([done.attempt, done.failures, done.error], [1, 0, null])
    })

    it('is tried again when it throws, and is a dead letter after its retries', async () => {
      const attempts: number[] = []
      const job = numbered(
        (_, __, { attempt }) => {
          attempts.push(attempt)
          throw new Error(`attempt ${attempt} failed`)
        },
        { retries: 2 },
      )
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, job, { n: 1 })
      const dead = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'dead',
      )
      assert.deepEqual(attempts, [1, 2, 3])
      assert.equal(dead.failures, 3)
      assert.equal(dead.error?.message, 'attempt 3 failed')
      assert.match(dead.error?.stack ?? '', /run\.test\.ts/)
    })

    it('are found at once when they arrive while the worker is just looking', async () => {
      const ran = new Set<number>()
      const job = numbered((_, { n }) => void ran.add(n))
      await using bench = await setup(engine, { jobs: [job], worker: { ...QUICK, pollMs: 60_000 } })
      const { ctx, queue } = bench
      // Whoever has claimed a job looks for the next one: the second of each pair comes earlier and later into that look.
      for (let n = 0; n < 400; n += 2) {
        const first = queue.add(ctx, job, { n })
        for (let turns = n % 50; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
        await Promise.all([first, queue.add(ctx, job, { n: n + 1 })])
        await eventually(() => ran.has(n) && ran.has(n + 1), Boolean, 20_000)
      }
    })

    it('says by what it throws whether and when it comes again', async () => {
      const ran: string[] = []
      const job = numbered(
        (_, { n }, { attempt }) => {
          ran.push(`${n}:${attempt}`)
          if (n === 1) throw cancelJob('not wanted any more')
          if (n === 2 && attempt < 3) throw snoozeJob(1)
          if (n === 3 && attempt < 2) throw retryAfter(1, 'slow down', new Error('429'))
          // What people throw is not always an error.
          return n === 4 ? Promise.reject({ odd: true }) : undefined
        },
        { retries: 1 },
      )
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const ids = await Promise.all([1, 2, 3, 4].map((n) => queue.add(ctx, job, { n })))
      const ended = await eventually(
        () => Promise.all(ids.map((id) => queue.operations.job(ctx, id))),
        (rows) => rows.every(({ finishedAt }) => finishedAt !== null),
      )
      assert.deepEqual(
        ended.map(({ failures, state }) => [state, failures]),
        [
          ['cancelled', 0],
          ['done', 0],
          ['done', 1],
          ['dead', 2],
        ],
      )
      assert.equal(ended[0]?.error?.message, 'not wanted any more')
      assert.equal(ended[2]?.error?.message, 'slow down')
      assert.equal(ended[3]?.error?.message, 'thrown: {"odd":true}')
      assert.equal(ran.filter((one) => one.startsWith('2:')).length, 3)
    })

    it('fails when it is out of time, and what it does afterwards changes nothing', async () => {
      const late = Promise.withResolvers<void>()
      const signals: AbortSignal[] = []
      const job = numbered(
        async (_, __, { attempt, signal }) => {
          signals.push(signal)
          if (attempt === 1) await late.promise
          return attempt
        },
        { timeoutMs: 30 },
      )
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, job, { n: 1 })
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      late.resolve()
      assert.deepEqual([done.result, done.attempt, done.failures], [2, 2, 1])
      assert.equal(done.error?.reason, 'timeout')
      assert.ok(signals[0]?.aborted)
    })

    it('is refused when its input does not fit, and is a dead letter when it does not fit any more', async () => {
      const job = numbered(() => undefined)
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, db, queue } = bench
      await assert.rejects(
        async () => queue.add(ctx, job, { n: 1.5 }),
        (error) => isError(error, queueErrors.job_input_invalid) && error.fields?.[0]?.pointer === '/input/n',
      )
      const id = await queue.add(ctx, job, { n: 1 })
      await db.admin((session) => session.query(`update stoa.jobs set input = '{"n": "one"}'`))
      await queue.work()
      const dead = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'dead',
      )
      assert.equal(dead.error?.reason, 'input_invalid')
    })

    it('that this process does not know waits for one that does', async () => {
      let ran = 0
      const known = numbered(() => void ran++)
      await using bench = await setup(engine, { jobs: [] })
      const { ctx, queue } = bench
      await queue.add(ctx, known, { n: 1 })
      await eventually(async () => (await bench.rows())[0]?.state === 'scheduled')
      assert.deepEqual((await bench.rows())[0]?.failures, 0)
      assert.equal(ran, 0)
    })

    it('writes and finishes in one transaction, and a second attempt writes nothing', async () => {
      const job = numbered(async (_, { n }, running) => {
        await running.transaction(async (tx) => {
          await tx.run({
            sql: 'insert into stoa.job_uniques values ($1, $2, $3, $4)',
            parameters: [tx.tenantId, 'written', String(n), running.id],
          })
          return n
        })
      })
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, db, queue } = bench
      const id = await queue.add(ctx, job, { n: 5 })
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      assert.equal(done.result, 5)
      const written = await db.admin((session) => session.query('select key from stoa.job_uniques'))
      assert.deepEqual(written, [{ key: '5' }])
    })

    it('is shown to who traces it, attempt by attempt', async () => {
      const traced: unknown[] = []
      const job = numbered((_, { n }, { attempt }) => {
        if (attempt === 1) throw new Error('no')
        return n
      })
      const instrument: NonNullable<QueueDeps['instrument']> = async ({ attempt, id, kind }, run) => {
        const outcome = await run().catch((error: Error) => error.message)
        traced.push({ attempt, id, kind, outcome })
        if (outcome === 'no') throw new Error('no')
        return outcome
      }
      await using bench = await setup(engine, { jobs: [job], deps: { instrument } })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, job, { n: 3 })
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      assert.equal(done.result, 3)
      const kind = 'test.numbered'
      assert.deepEqual(traced, [
        { attempt: 1, id, kind, outcome: 'no' },
        { attempt: 2, id, kind, outcome: 3 },
      ])
    })

    it('tells how far it is', async () => {
      const go = Promise.withResolvers<void>()
      const job = numbered(async (_, __, running) => {
        running.progress(0.25, 'a quarter')
        await go.promise
      })
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, job, { n: 1 })
      const row = await eventually(
        () => queue.operations.job(ctx, id),
        ({ progress }) => progress !== null,
      )
      go.resolve()
      assert.deepEqual(row.progress, { fraction: 0.25, note: 'a quarter' })
    })
  })
}
