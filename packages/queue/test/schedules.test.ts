import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { engines, eventually, TestClock } from '@stoa/testkit'
import { queueErrors } from '../src/index.ts'
import { numbered, QUICK, setup } from './setup.ts'

const at = (time: string) => new TestClock(Date.parse(time))

for (const engine of engines) {
  describe(`a schedule on ${engine}`, () => {
    it('enqueues its job when its time comes, once, however many workers there are', async () => {
      const clock = at('2026-03-02T08:59:30Z')
      const ran: unknown[] = []
      const job = numbered((ctx, { n }) => void ran.push([n, ctx.actor, ctx.tenant.slug]))
      await using bench = await setup(engine, { jobs: [job], clock })
      const { another, ctx, queue } = bench
      await another()
      await queue.schedules.set(ctx, { name: 'morning', job, input: { n: 9 }, cron: '0 9 * * MON-FRI' })
      assert.deepEqual(ran, [])
      await clock.advance(60_000)
      await eventually(() => ran.length > 0)
      const [schedule] = await eventually(
        () => queue.schedules.list(ctx),
        (all) => all[0]?.lastJobId !== null,
      )
      assert.equal(schedule?.nextAt?.toISOString(), '2026-03-03T09:00:00.000Z')
      assert.deepEqual(ran, [[9, { type: 'system', id: 'schedule:morning' }, 'acme']])
    })

    it('whose times passed while nobody worked comes once', async () => {
      const clock = at('2026-03-02T00:00:00Z')
      const ran: number[] = []
      const job = numbered((_, { n }) => void ran.push(n))
      await using bench = await setup(engine, { jobs: [job], clock, worker: null })
      const { ctx, queue } = bench
      await queue.schedules.set(ctx, { name: 'hourly', job, input: { n: 1 }, cron: '0 * * * *' })
      await clock.advance(10 * 3_600_000 + 1_000)
      await queue.work(QUICK)
      await eventually(
        async () => (await queue.schedules.list(ctx))[0]?.nextAt?.toISOString() === '2026-03-02T11:00:00.000Z',
      )
      await eventually(() => ran.length > 0)
      assert.deepEqual(ran, [1])
    })

    it('of a unique kind brings no second job while the first one is there', async () => {
      const clock = at('2026-03-02T08:30:00Z')
      const job = numbered(() => undefined, { unique: { key: () => 'one' } })
      await using bench = await setup(engine, { jobs: [job], clock, worker: null })
      const { ctx, queue } = bench
      await queue.schedules.set(ctx, { name: 'hourly', job, input: { n: 1 }, cron: '0 * * * *' })
      await queue.operations.pause({ kind: job.name })
      await queue.work(QUICK)
      const jobs: (string | null | undefined)[] = []
      for (const next of ['2026-03-02T10:00:00.000Z', '2026-03-02T11:00:00.000Z']) {
        await clock.advance(3_600_000)
        const [schedule] = await eventually(
          () => queue.schedules.list(ctx),
          ([one]) => one?.nextAt?.toISOString() === next,
        )
        jobs.push(schedule?.lastJobId)
      }
      const [row, ...more] = await bench.rows()
      assert.deepEqual([jobs, more], [[row?.id, row?.id], []])
    })

    it('of a kind that no worker knows waits for one that does, and holds up no other', async () => {
      const clock = at('2026-03-02T08:59:30Z')
      const ran: number[] = []
      const job = numbered((_, { n }) => void ran.push(n))
      await using bench = await setup(engine, { jobs: [job], clock })
      const { ctx, db, queue } = bench
      await queue.schedules.set(ctx, { name: 'morning', job, input: { n: 9 }, cron: '0 9 * * *' })
      await db.admin((session) =>
        session.exec(`insert into stoa.job_schedules (tenant_id, name, kind, cron, time_zone, input, next_at)
select '${ctx.tenant.id}', 'gone ' || n, 'test.gone', '0 1 * * *', 'UTC', '{}', '2026-03-01T01:00:00Z' from generate_series(1, 150) n`),
      )
      await clock.advance(60_000)
      await eventually(() => ran.length > 0)
      assert.deepEqual(ran, [9])
    })

    it('that is said again keeps its next time; another pattern gives it a new one', async () => {
      const clock = at('2026-03-02T00:30:00Z')
      const job = numbered(() => undefined)
      await using bench = await setup(engine, { jobs: [job], clock, worker: null })
      const { ctx, queue } = bench
      const say = (cron: string) => queue.schedules.set(ctx, { name: 'one', job, input: { n: 1 }, cron })
      assert.equal((await say('0 * * * *')).nextAt?.toISOString(), '2026-03-02T01:00:00.000Z')
      await clock.advance(7_200_000)
      assert.equal(
        (await say('0 * * * *')).nextAt?.toISOString(),
        '2026-03-02T01:00:00.000Z',
        'it is overdue, and stays so',
      )
      assert.equal((await say('15 * * * *')).nextAt?.toISOString(), '2026-03-02T03:15:00.000Z')
      await queue.schedules.remove(ctx, 'one')
      assert.deepEqual(await queue.schedules.list(ctx), [])
      await assert.rejects(queue.schedules.remove(ctx, 'one'), (error) =>
        isError(error, queueErrors.job_schedule_not_found),
      )
    })
  })
}

describe('the times of a schedule', () => {
  const nextOf = async (cron: string, timeZone: string, now: string) => {
    const job = numbered(() => undefined)
    await using bench = await setup('pglite', { jobs: [job], clock: at(now), worker: null })
    const { ctx, queue } = bench
    const { nextAt } = await queue.schedules.set(ctx, { name: 's', job, input: { n: 1 }, cron, timeZone })
    return nextAt?.toISOString()
  }

  it('that do not exist where the clocks jump forward come when the jump is over', async () => {
    assert.equal(await nextOf('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z'), '2026-03-29T01:00:00.000Z')
  })

  it('that exist twice where the clocks go back come at the first', async () => {
    assert.equal(await nextOf('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z'), '2026-10-25T00:30:00.000Z')
  })

  it('are refused when they cannot be read, never come, or are nowhere', async () => {
    const refused = (error: unknown) => isError(error, queueErrors.job_schedule_invalid)
    for (const [cron, zone] of [
      ['0 0 31 2 *', 'UTC'],
      ['every day', 'UTC'],
      ['61 * * * *', 'UTC'],
      ['', 'UTC'],
      ['0 9 * * *', 'Europe/Atlantis'],
      [`${'0,'.repeat(5_000)}0 * * * *`, 'Nowhere'],
    ] as const) {
      await assert.rejects(nextOf(cron, zone, '2026-01-01T00:00:00Z'), refused, cron.slice(0, 20))
    }
  })
})
