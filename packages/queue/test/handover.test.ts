import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Database, openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { type Engine, engines, eventually } from '@stoa/testkit'
import { createQueue } from '../src/index.ts'
import { type Bench, numbered, QUICK, setup } from './setup.ts'

/** A worker that looks only when somebody hints. */
const STILL = { ...QUICK, pollMs: 60_000 }

/** Until everything that was added has run. The worker may look once more after that, before it has nothing to do. */
async function settled({ db }: Bench): Promise<void> {
  await eventually(async () => (await db.admin((s) => s.query('select 1 from stoa.jobs'))).length === 0)
}

async function collecting(engine: Engine, options: Partial<Parameters<typeof setup>[1]> = {}) {
  const ran: number[] = []
  const job = numbered((_, { n }) => void ran.push(n))
  const bench = await setup(engine, { jobs: [job], worker: STILL, ...options })
  return { bench, job, ran, [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose]() }
}

for (const engine of engines) {
  describe(`a job that is added beside an idle worker on ${engine}`, () => {
    it('is begun without a claim', async () => {
      await using set = await collecting(engine)
      const { bench, job, ran } = set
      // Whoever claims has to change rows, and whoever is handed over a job has not.
      await bench.db.admin((session) =>
        session.exec(`create sequence stoa.changes;
create function stoa.count_change() returns trigger language plpgsql security definer as
  $$ begin perform nextval('stoa.changes'); return new; end $$;
create trigger count_change before update on stoa.jobs for each row execute function stoa.count_change()`),
      )
      const changes = () => bench.db.admin((session) => session.query("select nextval('stoa.changes')::integer as n"))
      let n = 0
      await eventually(async () => {
        const [before] = await changes()
        await bench.queue.add(bench.ctx, job, { n: ++n })
        await settled(bench)
        const [after] = await changes()
        return Number(after?.n) === Number(before?.n) + 1
      })
      assert.deepEqual(
        ran,
        Array.from({ length: n }, (_, index) => index + 1),
      )
    })

    it('waits like any other once its worker was given up, and runs once', async () => {
      await using set = await collecting(engine)
      const { bench, job, ran } = set
      await bench.queue.add(bench.ctx, job, { n: 1 })
      await settled(bench)
      await bench.db.admin((session) => session.exec('delete from stoa.job_workers'))
      await bench.queue.add(bench.ctx, job, { n: 2 })
      await settled(bench)
      assert.deepEqual(ran, [1, 2])
    })

    it('is begun or goes back when the worker stops at that moment', async () => {
      await using set = await collecting(engine, { worker: null })
      const { bench, job, ran } = set
      for (let n = 1; n <= 20; n++) {
        const worker = await bench.queue.work(STILL)
        await eventually(() => worker.load.running === 0)
        const added = bench.queue.add(bench.ctx, job, { n })
        for (let turns = n % 7; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
        await Promise.all([added, worker[Symbol.asyncDispose]()])
        assert.deepEqual(
          (await bench.rows()).filter(({ state }) => state !== 'ready'),
          [],
        )
      }
      await bench.queue.work(STILL)
      await eventually(() => ran.length === 20)
      assert.equal(new Set(ran).size, 20)
    })

    it('does not overtake those that wait', async () => {
      const release = Promise.withResolvers<void>()
      const ran: number[] = []
      const job = numbered(async (_, { n }) => {
        ran.push(n)
        if (n === 0) await release.promise
      })
      await using bench = await setup(engine, { jobs: [job], lanes: { default: {} }, worker: { ...STILL, slots: 1 } })
      const { ctx, db, queue } = bench
      await queue.add(ctx, job, { n: 0 })
      await eventually(() => ran.length === 1)
      await db.transaction(ctx, async (tx) => queue.enqueueMany(ctx, tx, job, [{ n: 1 }, { n: 2 }]))
      await queue.add(ctx, job, { n: 3 })
      release.resolve()
      await eventually(() => ran.length === 4)
      assert.deepEqual(ran, [0, 1, 2, 3])
    })
  })
}

describe('a job that is added beside an idle worker (postgres)', () => {
  it('runs once when it was committed and the answer was lost', async () => {
    await using set = await collecting('postgres', { worker: null })
    const { bench, ran, job } = set
    let lose = false
    const lossy = async <T>(sql: string, run: () => Promise<T>): Promise<T> => {
      const answer = await run()
      if (!lose || !sql.includes('handed_over')) return answer
      lose = false
      throw Object.assign(new Error('the connection was lost'), { code: 'ECONNRESET' })
    }
    const deps = { log: silentLogger, clock: systemClock }
    await using db: Database = await openPostgres({ url: bench.url ?? '', poolSize: 4 }, { ...deps, instrument: lossy })
    await using queue = createQueue({ jobs: [job] }, { ...deps, db })
    await queue.work(STILL)
    lose = true
    const ids: number[] = []
    while (lose) {
      ids.push(ids.length)
      const lost = await queue.add(bench.ctx, job, { n: ids.length - 1 }).catch((error: unknown) => error)
      assert.equal(typeof lost === 'string', lose)
      await settled(bench)
    }
    assert.deepEqual(ran, ids)
  })
})

describe('jobs that are added by themselves at the same time (postgres)', () => {
  it('share their commits, and each is there when its own promise says so', async () => {
    const job = numbered(() => undefined)
    await using bench = await setup('postgres', { jobs: [job], worker: null })
    let commits = 0
    const instrument = <T>(sql: string, run: () => Promise<T>): Promise<T> => {
      if (sql.includes('insert into stoa.jobs')) commits++
      return run()
    }
    const deps = { log: silentLogger, clock: systemClock }
    await using db = await openPostgres({ url: bench.url ?? '', poolSize: 4 }, { ...deps, instrument })
    await using queue = createQueue({ jobs: [job] }, { ...deps, db })
    const add = async (n: number) => {
      const id = await queue.add(bench.ctx, job, { n })
      assert.equal((await queue.operations.job(bench.ctx, id)).state, 'ready')
    }
    await Promise.all(Array.from({ length: 200 }, (_, n) => add(n)))
    assert.ok(commits < 20, `${commits} commits`)
  })
})
