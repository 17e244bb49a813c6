import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { engines, eventually, TestClock } from '@stoa/testkit'
import { queueErrors } from '../src/index.ts'
import { type Bench, numbered, QUICK, setup } from './setup.ts'

const DAY_MS = 86_400_000

function ended({ ctx, queue }: Bench, id: string) {
  return eventually(
    () => queue.operations.job(ctx, id).catch(() => null),
    (row) => row === null || row.finishedAt !== null,
  )
}

for (const engine of engines) {
  describe(`a lane on ${engine}`, () => {
    it('keeps its finished jobs for as long as it says; then their day is dropped as a whole', async () => {
      const clock = new TestClock(Date.parse('2026-03-02T08:00:00Z'))
      const job = numbered((_, { n }) => n)
      const lanes = { default: { keepDays: 366 }, brief: { keepDays: 1 }, none: { keepDays: 0 } }
      await using bench = await setup(engine, { jobs: [job], lanes, clock })
      const { ctx, db, queue } = bench
      const [long, brief, none] = await Promise.all(
        Object.keys(lanes).map((lane, n) => queue.add(ctx, job, { n }, { lane })),
      )
      assert.ok(long && brief && none)
      assert.deepEqual([(await ended(bench, long))?.state, (await ended(bench, brief))?.state], ['done', 'done'])
      const gone = (error: unknown) => isError(error, queueErrors.job_not_found)
      await eventually(async () => (await bench.rows()).length === 0)
      await assert.rejects(queue.operations.job(ctx, none), gone)
      // Time stands still while somebody looks, so it is moved until somebody has looked on that day.
      const later = () => clock.advance(DAY_MS / 4).then(() => days())
      const days = () =>
        db.admin((session) =>
          session.query<{ day: string }>(
            "select inhrelid::regclass::text as day from pg_inherits where inhparent = 'stoa.jobs_finished'::regclass",
          ),
        )
      await eventually(later, (all) => !all.some(({ day }) => /2026_?03_?0[1-5]/.test(day)))
      await assert.rejects(queue.operations.job(ctx, brief), gone)
      assert.equal((await queue.operations.job(ctx, long)).result, 0)
    })

    it('has a slot in every worker that serves it: one with too few is refused', async () => {
      const lanes = { first: { reserved: 2 }, second: { reserved: 1 }, last: { reserved: 0 } }
      await using bench = await setup(engine, { jobs: [], lanes, worker: null })
      const work = (slots: number, served?: readonly string[]) =>
        bench.queue.work({ ...QUICK, slots, ...(served && { lanes: served }) })
      await assert.rejects(work(2, ['first', 'second']), /the lanes reserve 3 slots, and slots is 2/)
      await assert.rejects(
        work(3),
        /the lanes reserve 3 slots and leave one more for those that reserve none, and slots is 3/,
      )
      await (await work(3, ['first', 'second']))[Symbol.asyncDispose]()
      await (await work(4))[Symbol.asyncDispose]()
    })

    it('has more slots while its jobs wait, as far as the worker may grow, and fewer when none does', async () => {
      const go = Promise.withResolvers<void>()
      const job = numbered(() => go.promise)
      await using bench = await setup(engine, { jobs: [job], lanes: { default: { reserved: 0 } }, worker: null })
      const { ctx, queue } = bench
      const worker = await queue.work({ ...QUICK, slots: 1, maxSlots: 2, scaleAtAgeMs: 10 })
      for (let n = 0; n < 5; n++) await queue.add(ctx, job, { n })
      await eventually(() => worker.load.running === 2)
      assert.equal(worker.load.slots, 2)
      go.resolve()
      await eventually(() => worker.load.slots === 1)
    })
  })
}

describe('a lane that waits for no disk (postgres)', () => {
  it('confirms its enqueues and its ends at once, and the others theirs when they are there', async () => {
    const job = numbered(() => undefined)
    await using bench = await setup('postgres', { jobs: [job], worker: null })
    const { ctx, db } = bench
    // What a session begins with tells it from what a lane says.
    await db.admin((session) =>
      session.exec(`do $$ begin execute format('alter database %I set synchronous_commit = local', current_database()); end $$;
create table public.commits (what text, lane text, how text);
grant insert on public.commits to stoa_app, stoa_system;
create function public.note_commit() returns trigger language plpgsql as $$ begin
  insert into public.commits values (tg_op, coalesce(new.lane, old.lane), current_setting('synchronous_commit'));
  return coalesce(new, old);
end $$;
create trigger note_commit before insert or delete on stoa.jobs for each row execute function public.note_commit()`),
    )
    const lanes = { default: {}, bulk: { durable: false } }
    const { queue } = await bench.another({ lanes, worker: { ...QUICK, slots: 4 } })
    for (const lane of ['default', 'bulk']) {
      await queue.add(ctx, job, { n: 1 }, { lane })
      await eventually(async () => (await bench.rows()).length === 0)
    }
    const noted = await db.admin((session) =>
      session.query<{ what: string; lane: string; how: string }>('select * from public.commits order by lane, what'),
    )
    assert.deepEqual(
      noted.map(({ how, lane, what }) => `${lane} ${what} ${how}`),
      ['bulk DELETE off', 'bulk INSERT off', 'default DELETE local', 'default INSERT local'],
    )
  })
})
