import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openPostgres } from '@stoa/db'
import { type Ctx, isError, silentLogger, systemClock } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { createQueue, defineJob, type LeasedJob, type LeaseKind, queueErrors } from '../src/index.ts'
import { LeaseWaits } from '../src/lease-waits.ts'
import { type Bench, Numbered, QUICK, setup } from './setup.ts'

const work = defineJob({
  name: 'outside.work',
  input: Numbered,
  lane: 'external',
  retries: 1,
  retryMinMs: 0,
  retryMaxMs: 0,
  tracked: true,
})
const other = defineJob({ name: 'outside.other', input: Numbered, lane: 'external' })
const kinds: readonly LeaseKind[] = [{ job: work, leaseMs: 60_000 }]
const both: readonly LeaseKind[] = [...kinds, { job: other, leaseMs: 60_000 }]

const stale = (words: RegExp) => (error: unknown) =>
  isError(error, queueErrors.job_attempt_stale) && words.test(error.message)
const numberOf = ({ input }: LeasedJob) => (input as { n: number }).n

for (const engine of engines) {
  describe(`jobs that programs outside run, on ${engine}`, () => {
    const claim = (bench: Bench, ctx: Ctx = bench.ctx, limit = 1) => bench.queue.leases.claim(ctx, { kinds, limit })
    const claimed = async (bench: Bench): Promise<LeasedJob> => {
      const [job] = await eventually(
        () => claim(bench),
        (jobs) => jobs.length === 1,
      )
      return job as LeasedJob
    }
    const state = async (bench: Bench, id: string) => (await bench.queue.operations.job(bench.ctx, id)).state
    /** As if so much time had gone by since it was claimed. */
    const later = (bench: Bench, what: 'leases' | 'attempts') =>
      bench.db.admin((session) =>
        session.exec(
          `update stoa.job_leases set until = now() - interval '1 hour'${what === 'leases' ? '' : ", ends_at = now() - interval '1 hour'"}`,
        ),
      )

    it('are claimed by nobody else, the oldest first, with what is needed to run them', async () => {
      await using bench = await setup(engine, { jobs: [work] })
      const { ctx, queue } = bench
      const ids = [await queue.add(ctx, work, { n: 1 }), await queue.add(ctx, work, { n: 2 })]
      await queue.add(ctx, work, { n: 3 }, { delayMs: 60_000 })
      const jobs = await claim(bench, ctx, 5)
      assert.deepEqual(
        jobs.map((job) => [job.id, job.kind, job.attempt, job.input]),
        [
          [ids[0], 'outside.work', 1, { n: 1 }],
          [ids[1], 'outside.work', 1, { n: 2 }],
        ],
      )
      const [first] = jobs
      assert.equal(first?.leaseUntil.getTime(), first?.endsAt.getTime())
      assert.deepEqual(await claim(bench, ctx, 5), [])
    })

    it('of several kinds are claimed together, and of no other kind and no other tenant', async () => {
      await using bench = await setup(engine, { jobs: [work, other], worker: null })
      const { ctx, queue } = bench
      const stranger = await bench.tenant('other')
      await queue.add(ctx, other, { n: 1 })
      await queue.add(ctx, work, { n: 2 })
      await queue.add(stranger, work, { n: 3 })
      assert.deepEqual((await claim(bench, ctx, 9)).map(numberOf), [2])
      await queue.add(ctx, work, { n: 4 })
      assert.deepEqual((await queue.leases.claim(ctx, { kinds: both, limit: 9 })).map(numberOf), [1, 4])
      assert.deepEqual((await claim(bench, stranger, 9)).map(numberOf), [3])
    })

    it('are given to one only, however many claim at the same time', async () => {
      await using bench = await setup(engine, { jobs: [work], worker: null })
      const { ctx, queue } = bench
      const inputs = Array.from({ length: 60 }, (_, n) => ({ n }))
      await bench.db.transaction(ctx, async (tx) => void queue.enqueueMany(ctx, tx, work, inputs))
      const taken: number[] = []
      const worker = async () => {
        for (;;) {
          const jobs = await queue.leases.claim(ctx, { kinds, limit: 3, waitMs: 300 })
          if (jobs.length === 0) return
          taken.push(...jobs.map(numberOf))
        }
      }
      await Promise.all(Array.from({ length: 6 }, worker))
      assert.deepEqual(
        taken.toSorted((a, b) => a - b),
        inputs.map(({ n }) => n),
      )
    })

    it('wake those who wait for them, in the order in which they came, and no more than there are jobs', async () => {
      await using bench = await setup(engine, { jobs: [work], worker: null })
      const { ctx, queue } = bench
      const tenantId = ctx.tenant.id
      // Nothing but a hint wakes them.
      await using waits = new LeaseWaits({ db: bench.db, ctx, pollMs: 3_600_000, observe: () => undefined })
      const woken: string[] = []
      const waiting = ['first', 'second'].map((name) => {
        const wanted = { tenantId, kinds: ['outside.work'], count: 1 }
        return waits.take(wanted, 600_000, null, () => {
          woken.push(name)
          return claim(bench)
        })
      })
      await queue.add(ctx, work, { n: 1 })
      waits.hint()
      await waiting[0]
      assert.deepEqual(woken, ['first'])
      await waits[Symbol.asyncDispose]()
      await waiting[1]
      assert.deepEqual(woken, ['first'])
    })

    it('are waited for until one comes, the signal aborts, or the queue closes', async () => {
      await using bench = await setup(engine, { jobs: [work], worker: null })
      const { ctx, queue } = bench
      const leave = new AbortController()
      const wait = (signal?: AbortSignal) =>
        queue.leases.claim(ctx, { kinds, limit: 1, waitMs: 600_000, ...(signal && { signal }) })
      const [first, gone] = [wait(), wait(leave.signal)]
      leave.abort()
      assert.deepEqual(await gone, [])
      await queue.add(ctx, work, { n: 7 })
      assert.deepEqual((await first).map(numberOf), [7])
      const last = wait()
      await queue[Symbol.asyncDispose]()
      assert.deepEqual(await last, [])
    })

    it('end with a result, or come again after a failure until they failed too often', async () => {
      await using bench = await setup(engine, { jobs: [work] })
      const { ctx, queue } = bench
      await queue.add(ctx, work, { n: 1 })
      const done = await claimed(bench)
      await queue.leases.renew(ctx, done, { fraction: 0.5, note: 'half' })
      await queue.leases.complete(ctx, done, { text: 'a\0b' })
      const row = await queue.operations.job(ctx, done.id)
      assert.deepEqual(
        [row.state, row.result, row.progress],
        ['done', { text: 'a\uFFFDb' }, { fraction: 0.5, note: 'half' }],
      )

      const id = await queue.add(ctx, work, { n: 2 })
      await queue.leases.fail(ctx, await claimed(bench), { message: 'no', code: 'E_NO' })
      const again = await claimed(bench)
      assert.deepEqual([again.id, again.attempt], [id, 2])
      await queue.leases.fail(ctx, again, { message: 'still no' })
      const dead = await queue.operations.job(ctx, id)
      assert.deepEqual([dead.state, dead.error], ['dead', { reason: 'reported', message: 'still no' }])

      const hopeless = await queue.add(ctx, work, { n: 3 })
      await queue.leases.fail(ctx, await claimed(bench), { message: 'never', retry: false })
      assert.equal(await state(bench, hopeless), 'dead')

      const put = await queue.add(ctx, work, { n: 4 })
      await queue.leases.fail(ctx, await claimed(bench), { message: 'later', retryAfterMs: 3_600_000 })
      const { runAt, state: waits } = await queue.operations.job(ctx, put)
      assert.equal(waits, 'scheduled')
      assert.ok((runAt?.getTime() ?? 0) > Date.now() + 3_000_000)
    })

    it('are ended by nobody who does not hold them, and he is told why', async () => {
      await using bench = await setup(engine, { jobs: [work], worker: null })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, work, { n: 1 })
      const { leases } = queue
      await assert.rejects(leases.complete(ctx, { id, attempt: 1 }, 1), stale(/no attempt 1: the last one is 0/))
      const held = await claimed(bench)
      await assert.rejects(leases.complete(ctx, { id, attempt: 2 }, 1), stale(/no attempt 2/))
      const stranger = await bench.tenant('other')
      for (const wrong of [
        () => leases.complete(stranger, held, 1),
        () => leases.renew(stranger, held),
        () => leases.fail(stranger, held, { message: '' }),
      ]) {
        await assert.rejects(wrong, (error) => isError(error, queueErrors.job_not_found))
      }
      await assert.rejects(leases.complete(ctx, held, 'x'.repeat(300_000)), (error) =>
        isError(error, queueErrors.job_result_too_large),
      )
      assert.equal(await state(bench, id), 'running')
      await leases.complete(ctx, held, 1)
      await assert.rejects(leases.complete(ctx, held, 2), stale(/done already/))
      await assert.rejects(leases.renew(ctx, held), stale(/done already/))
      assert.equal((await queue.operations.job(ctx, id)).result, 1)
    })

    it('run again when their holder is silent, who then changes nothing, and are given up in the end', async () => {
      await using bench = await setup(engine, { jobs: [work] })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, work, { n: 1 })
      const silent = await claimed(bench)
      await later(bench, 'leases')
      const second = await claimed(bench)
      assert.deepEqual([second.id, second.attempt], [id, 2])
      await assert.rejects(queue.leases.complete(ctx, silent, 1), stale(/given to attempt 2/))
      await assert.rejects(queue.leases.renew(ctx, silent), stale(/given to attempt 2/))
      for (let attempt = 2; attempt < 6; attempt++) {
        await later(bench, 'leases')
        assert.equal((await claimed(bench)).attempt, attempt + 1)
      }
      await later(bench, 'leases')
      const row = await eventually(
        () => queue.operations.job(ctx, id),
        (one) => one.state === 'dead',
      )
      assert.equal(row.error?.reason, 'worker_lost')
    })

    it('have failed when an attempt took too long, however alive its holder is', async () => {
      await using bench = await setup(engine, { jobs: [work] })
      const { ctx, queue } = bench
      const id = await queue.add(ctx, work, { n: 1 })
      await claimed(bench)
      await later(bench, 'attempts')
      const again = await claimed(bench)
      assert.deepEqual([again.id, again.attempt], [id, 2])
      const row = await queue.operations.job(ctx, id)
      assert.deepEqual([row.failures, row.rescues, row.error?.reason], [1, 0, 'timeout'])
    })

    it('tell their holder that somebody wants them cancelled, and are when he fails or is silent', async () => {
      await using bench = await setup(engine, { jobs: [work] })
      const { ctx, queue } = bench
      for (const how of ['fails', 'is silent']) {
        const id = await queue.add(ctx, work, { n: 1 })
        const held = await claimed(bench)
        assert.equal((await queue.leases.renew(ctx, held)).cancelRequested, false)
        assert.equal(await queue.operations.cancel(ctx, id), false)
        assert.equal((await queue.leases.renew(ctx, held)).cancelRequested, true)
        if (how === 'fails') await queue.leases.fail(ctx, held, { message: 'stopped' })
        else await later(bench, 'leases')
        await eventually(
          () => state(bench, id),
          (now) => now === 'cancelled',
        )
      }
    })

    it('are not claimed while their kind or their lane is paused', async () => {
      await using bench = await setup(engine, { jobs: [work], worker: null })
      const { ctx, queue } = bench
      await queue.add(ctx, work, { n: 1 })
      for (const what of [{ kind: 'outside.work' }, { lane: 'external' }]) {
        await queue.operations.pause(what)
        assert.deepEqual(await claim(bench), [])
        const waiting = queue.leases.claim(ctx, { kinds, limit: 1, waitMs: 600_000 })
        await queue.operations.resume(what)
        const [job] = await waiting
        await queue.leases.fail(ctx, job as LeasedJob, { message: '', retryAfterMs: 0 })
        await bench.db.admin((session) => session.exec("update stoa.jobs set state = 'ready', failures = 0"))
      }
    })
  })
}

describe('leases that run out by the hundred at once (postgres)', () => {
  it('are ended one after the other, and not by the sign of life', async () => {
    await using bench = await setup('postgres', { jobs: [work], worker: null })
    const { ctx } = bench
    const steps: string[] = []
    const instrument = <T>(sql: string, run: () => Promise<T>): Promise<T> => {
      if (sql.includes('set seen_at')) steps.push('beat')
      if (sql.includes('delete from stoa.job_leases')) steps.push('end')
      return run()
    }
    const deps = { log: silentLogger, clock: systemClock }
    await using db = await openPostgres({ url: bench.url ?? '', poolSize: 3 }, { ...deps, instrument })
    await using queue = createQueue({ jobs: [work] }, { ...deps, db })
    await db.transaction(ctx, async (tx) =>
      queue.enqueueMany(
        ctx,
        tx,
        work,
        Array.from({ length: 501 }, (_, n) => ({ n })),
      ),
    )
    assert.equal((await queue.leases.claim(ctx, { kinds, limit: 501 })).length, 501)
    await bench.db.admin((session) => session.exec("update stoa.job_leases set until = now() - interval '1 hour'"))
    await queue.work(QUICK)
    await eventually(async () => (await bench.rows()).every(({ state }) => state === 'ready'))
    assert.match(steps.join(' '), /end end/)
  })
})
