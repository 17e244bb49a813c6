import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Instrument, openPostgres } from '@stoa/db'
import { isError, silentLogger, systemClock } from '@stoa/kernel'
import { engines, eventually, inTime } from '@stoa/testkit'
import { createQueue, type JobRow, queueErrors } from '../src/index.ts'
import { stuck } from './effects.ts'
import { type Bench, numbered, QUICK, setup } from './setup.ts'

for (const engine of engines) {
  describe(`a worker that is given up on ${engine}`, () => {
    it('loses its jobs to another attempt, cannot finish or write any more, and goes on working', async () => {
      const go = Promise.withResolvers<void>()
      const refused = Promise.withResolvers<unknown>()
      const job = numbered(async (_, __, running) => {
        if (running.attempt > 1) return running.attempt
        running.signal.addEventListener('abort', () => go.resolve())
        await go.promise
        await running.transaction(async () => 'late').catch(refused.resolve)
        return 'late'
      })
      await using bench = await setup(engine, { jobs: [job] })
      const { ctx, db, queue, signals } = bench
      const id = await queue.add(ctx, job, { n: 1 })
      await eventually(async () => (await bench.rows())[0]?.state === 'running')
      await db.admin((session) =>
        session.exec(
          "update stoa.job_workers set seen_at = now() - interval '1 hour', id = gen_random_uuid() where name <> 'external'",
        ),
      )
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      assert.deepEqual([done.result, done.attempt, done.rescues], [2, 2, 1])
      assert.ok(isError(await inTime(refused.promise, 'the refusal'), queueErrors.job_attempt_stale))
      await eventually(() => signals.some(({ kind }) => kind === 'given_up'))
      assert.deepEqual(
        signals
          .filter(({ kind }) => kind === 'rescued')
          .map((signal) => (signal.kind === 'rescued' ? signal.jobs[0]?.id : '')),
        [id],
      )
    })

    it('lets nobody feel what it says late: no parent begins, no key is free', async () => {
      const go = Promise.withResolvers<void>()
      const child = numbered(() => go.promise, { name: 'test.child' })
      const single = numbered(() => go.promise, { name: 'test.single', unique: { key: () => 'one' } })
      const parent = numbered(() => undefined)
      // It has no sign of life to give meanwhile, and does not learn that it has lost them.
      const worker = { ...QUICK, heartbeatMs: 20_000, deadAfterMs: 60_000 }
      await using bench = await setup(engine, { jobs: [child, single, parent], worker })
      const { ctx, db, queue, signals } = bench
      const { id } = await db.transaction(ctx, async (tx) =>
        queue.enqueueAfter(ctx, tx, { job: parent, input: { n: 0 } }, [{ job: child, input: { n: 1 } }]),
      )
      const only = await queue.add(ctx, single, { n: 1 })
      await eventually(async () => (await bench.rows()).filter(({ state }) => state === 'running').length === 2)
      await db.admin((session) =>
        session.exec("update stoa.jobs set attempt = 2, worker = gen_random_uuid() where state = 'running'"),
      )
      go.resolve()
      const stale = () => signals.reduce((sum, signal) => sum + (signal.kind === 'stale' ? signal.count : 0), 0)
      await eventually(() => stale() === 2)
      assert.equal((await queue.operations.job(ctx, id)).state, 'waiting')
      assert.equal(await queue.add(ctx, single, { n: 2 }), only)
    })

    it('again and again by one job makes that job a dead letter', async () => {
      await using bench = await setup(engine, { jobs: [stuck], worker: null })
      const { ctx, db, queue } = bench
      const id = await queue.add(ctx, stuck, { n: 1 })
      await db.admin((session) =>
        session.exec(`insert into stoa.job_workers values (gen_random_uuid(), 'dead', now(), now() - interval '1 hour');
update stoa.jobs set state = 'running', attempt = 6, rescues = 5, worker = (select id from stoa.job_workers where name = 'dead')`),
      )
      await queue.work(QUICK)
      const dead = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'dead',
      )
      assert.equal(dead.error?.reason, 'worker_lost')
    })
  })

  describe(`a worker that stops on ${engine}`, () => {
    it('lets running jobs end, and gives back what it did not begin', async () => {
      const started = Promise.withResolvers<void>()
      const go = Promise.withResolvers<void>()
      const job = numbered(async (_, { n }) => {
        started.resolve()
        await go.promise
        return n
      })
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, queue } = bench
      const worker = await queue.work({ ...QUICK, slots: 5 })
      const ids = await Promise.all(Array.from({ length: 30 }, (_, n) => queue.add(ctx, job, { n })))
      await started.promise
      const stopped = worker[Symbol.asyncDispose]()
      go.resolve()
      await stopped
      const rows = await bench.rows()
      assert.ok(rows.length > 0 && rows.every(({ state }) => state === 'ready'), JSON.stringify(rows))
      const done = await queue.operations.list(ctx, { states: ['done'] })
      assert.equal(done.length + rows.length, ids.length)
    })

    it('aborts what does not end in time, and that is not a failure', async () => {
      const started = Promise.withResolvers<void>()
      const job = numbered(async (_, __, { signal }) => {
        started.resolve()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      })
      await using bench = await setup(engine, { jobs: [job, stuck], worker: null })
      const { ctx, queue } = bench
      const worker = await queue.work({ ...QUICK, drainMs: 10 })
      await queue.add(ctx, job, { n: 1 })
      await queue.add(ctx, stuck, { n: 1 })
      await started.promise
      await eventually(async () => (await bench.rows()).every(({ state }) => state === 'running'))
      await worker[Symbol.asyncDispose]()
      const rows = await bench.rows()
      assert.deepEqual(
        rows.map(({ failures, kind, state }) => [kind, state, failures]),
        [
          ['test.numbered', 'scheduled', 0],
          ['test.stuck', 'ready', 0],
        ],
      )
    })
  })
}

const echo = numbered((_, { n }) => n)

/** A job, when a worker has done it whose statements go through `instrument`, and whom nobody gives up meanwhile. */
async function doneThrough({ ctx, url }: Bench, instrument: Instrument): Promise<JobRow> {
  const deps = { log: silentLogger, clock: systemClock }
  await using db = await openPostgres({ url: url ?? '', poolSize: 3 }, { ...deps, instrument })
  await using queue = createQueue({ jobs: [echo] }, { ...deps, db })
  const id = await queue.add(ctx, echo, { n: 1 })
  await queue.work({ ...QUICK, lanes: ['default'], heartbeatMs: 10_000, deadAfterMs: 60_000 })
  return await eventually(
    () => queue.operations.job(ctx, id),
    ({ state }) => state === 'done',
  )
}

describe('a worker whose claim was committed and never answered (postgres)', () => {
  it('gives back what it holds without knowing it', async () => {
    await using bench = await setup('postgres', { jobs: [echo], worker: null })
    let lost = 0
    const instrument = async <T>(sql: string, run: () => Promise<T>): Promise<T> => {
      const answer = await run()
      if (lost === 0 && sql.includes('for key share')) {
        lost++
        throw Object.assign(new Error('the connection was lost'), { code: 'ECONNRESET' })
      }
      return answer
    }
    const done = await doneThrough(bench, instrument)
    assert.deepEqual([lost, done.attempt, done.rescues], [1, 2, 0])
  })
})

describe('a worker whose claim is committed after the connection was lost (postgres)', () => {
  it('finds what it holds a moment later', async () => {
    await using bench = await setup('postgres', { jobs: [echo], worker: null })
    let claims = 0
    let looks = 0
    const instrument = async <T>(sql: string, run: () => Promise<T>): Promise<T> => {
      if (sql.includes('for key share') && claims++ === 0) {
        throw Object.assign(new Error('the connection was lost'), { code: 'ECONNRESET' })
      }
      const answer = await run()
      if (sql.includes('id <> all ($3') && looks++ === 0) {
        await bench.db.admin((session) =>
          session.exec(
            "update stoa.jobs set state = 'running', attempt = 1, worker = (select id from stoa.job_workers where name <> 'external')",
          ),
        )
      }
      return answer
    }
    const done = await doneThrough(bench, instrument)
    assert.deepEqual([done.attempt, done.rescues], [2, 0])
  })
})

describe('two workers whose database was away (postgres)', () => {
  it('do not take each other for dead when one of them is back before the other', async () => {
    await using bench = await setup('postgres', { jobs: [], worker: null })
    const [outage, secondMay, secondIsBack] = [0, 1, 2].map(() => Promise.withResolvers<void>())
    let isAway = false
    let firstBeats = 0
    const open = async (beat: () => Promise<void>, beaten: () => void = () => undefined) => {
      const instrument = async <T>(sql: string, run: () => Promise<T>): Promise<T> => {
        if (!isAway || !sql.includes('set seen_at')) return await run()
        await beat()
        const answer = await run()
        beaten()
        return answer
      }
      const deps = { log: silentLogger, clock: systemClock }
      const db = await openPostgres({ url: bench.url ?? '', poolSize: 3 }, { ...deps, instrument })
      const signals: string[] = []
      const queue = createQueue({}, { ...deps, db, observe: ({ kind }) => void signals.push(kind) })
      await queue.work(QUICK)
      const close = async () => {
        await queue[Symbol.asyncDispose]()
        await db[Symbol.asyncDispose]()
      }
      return { signals, [Symbol.asyncDispose]: close }
    }
    await using _first = await open(async () => {
      await outage?.promise
      if (++firstBeats < 2) return
      secondMay?.resolve()
      await secondIsBack?.promise
    })
    await using second = await open(
      async () => await secondMay?.promise,
      () => secondIsBack?.resolve(),
    )
    isAway = true
    await delay(2 * (QUICK.deadAfterMs ?? 0))
    outage?.resolve()
    await inTime(secondIsBack?.promise ?? Promise.reject(), 'the second worker')
    await eventually(() => firstBeats > 3)
    assert.equal(second.signals.includes('given_up'), false)
  })
})

describe('a worker that is killed (postgres)', () => {
  it('does not keep its jobs: another one runs them', async () => {
    await using bench = await setup('postgres', {
      jobs: [numbered(() => 'rescued', { name: 'test.stuck' })],
      worker: null,
    })
    const { ctx, queue } = bench
    const child = fork(new URL('./worker-program.ts', import.meta.url), [bench.url ?? ''], { execArgv: [] })
    const [ready] = await once(child, 'message')
    assert.equal(ready, 'ready')
    const id = await queue.add(ctx, stuck, { n: 1 })
    const [started] = await inTime(once(child, 'message'), 'the start')
    assert.equal(started, id)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await queue.work(QUICK)
    const done = await eventually(
      () => queue.operations.job(ctx, id),
      ({ state }) => state === 'done',
    )
    assert.deepEqual([done.result, done.attempt, done.rescues], ['rescued', 2, 1])
  })
})

describe('a worker whose job lets nobody else be heard (postgres)', () => {
  it('loses it to another one, and what the job says when it is over is refused', async () => {
    const go = Promise.withResolvers<void>()
    const job = numbered(() => go.promise.then(() => 'rescued'), { name: 'test.block' })
    await using bench = await setup('postgres', { jobs: [job], worker: null })
    const { ctx, queue } = bench
    const child = fork(new URL('./worker-program.ts', import.meta.url), [bench.url ?? ''], { execArgv: [] })
    const said: unknown[] = []
    child.on('message', (message) => said.push(message))
    try {
      await eventually(() => said.length === 1)
      const id = await queue.add(ctx, job, { n: 1 })
      await eventually(() => said.length === 2)
      await queue.work(QUICK)
      await eventually(() => said.length === 3)
      assert.deepEqual(said, ['ready', id, 'stale'])
      assert.deepEqual((await queue.operations.job(ctx, id)).state, 'running')
      go.resolve()
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      assert.deepEqual([done.result, done.attempt, done.rescues], ['rescued', 2, 1])
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
})
