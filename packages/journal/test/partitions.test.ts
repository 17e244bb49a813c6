import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Ctx, tenantCtx } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { monthOf, monthOfPartition } from '../src/month.ts'
import { advanceTo, type Bench, clockAt, note, Seen, setup } from './setup.ts'

/** Appends an event whose time is `iso`. */
async function appendAt(bench: Bench, iso: string, n: number): Promise<void> {
  const clock = { now: () => Date.parse(iso), sleep: bench.ctx.clock.sleep }
  const ctx: Ctx = tenantCtx({ ...bench.ctx, clock }, bench.ctx.tenant)
  await bench.db.transaction(ctx, async (tx) => bench.journal.append(ctx, tx, note(n)))
}

async function partitions(bench: Bench): Promise<string[]> {
  const rows = await bench.db.admin((session) =>
    session.query<{ name: string }>(
      "select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'stoa.events'::regclass order by 1",
    ),
  )
  return rows.map((row) => row.name)
}

async function numbersIn(bench: Bench, partition: string): Promise<number[]> {
  const rows = await bench.db.admin((session) =>
    session.query<{ n: number }>(`select (data->>'n')::int as n from stoa.${partition} order by 1`),
  )
  return rows.map((row) => row.n)
}

describe('months', () => {
  it('a month is a month of UTC, over the end of the year too', () => {
    const december = monthOf(Date.parse('2026-12-31T23:59:59.999Z'))
    assert.equal(december.partition, 'events_2026_12')
    assert.deepEqual(december.end, monthOf(Date.parse('2027-01-01T00:00:00Z')).start)
    assert.equal(monthOf(Date.parse('2026-11-30T12:00:00Z'), 2).partition, 'events_2027_01')
    assert.equal(monthOf(Date.parse('2026-01-31T12:00:00Z'), -1).partition, 'events_2025_12')
  })

  it('the name of a partition tells its month; other names tell none', () => {
    assert.deepEqual(monthOfPartition('events_2026_12'), monthOf(Date.UTC(2026, 11, 5)))
    for (const name of ['events_default', 'events_2026_1', 'events_2026_12_old'])
      assert.equal(monthOfPartition(name), null)
  })
})

for (const engine of engines) {
  describe(`partitions (${engine})`, () => {
    it('this month and the two after it are made; a second run makes nothing', async () => {
      const clock = clockAt('2026-11-30T23:59:59Z')
      await using bench = await setup(engine, { clock, partitions: false })
      const made = ['events_2026_11', 'events_2026_12', 'events_2027_01']
      assert.deepEqual(await bench.journal.ensurePartitions(bench.system), {
        created: made,
        inDefault: [],
        postponed: [],
      })
      assert.deepEqual((await bench.journal.ensurePartitions(bench.system)).created, [])
      await advanceTo(clock, '2026-12-01T00:00:00Z')
      assert.deepEqual((await bench.journal.ensurePartitions(bench.system)).created, ['events_2027_02'])
      assert.deepEqual(await partitions(bench), [
        'events_2026_11',
        'events_2026_12',
        'events_2027_01',
        'events_2027_02',
        'events_default',
      ])
    })

    it('two processes that make partitions at once do not harm each other', async () => {
      await using bench = await setup(engine, { partitions: false })
      const other = await bench.another()
      await Promise.all([bench.journal.ensurePartitions(bench.system), other.journal.ensurePartitions(bench.system)])
      assert.equal((await partitions(bench)).length, 4)
    })

    it('over the end of a month each event lies in its own partition, and readers see one order', async () => {
      const clock = clockAt('2026-11-15T00:00:00Z')
      await using bench = await setup(engine, { clock })
      const times = [
        '2026-12-01T00:00:00.000Z',
        '2026-11-30T23:59:59.999Z',
        '2026-12-01T00:00:00.001Z',
        '2026-11-30T23:59:59.998Z',
      ]
      for (const [n, iso] of times.entries()) await appendAt(bench, iso, n)
      assert.deepEqual(await numbersIn(bench, 'events_2026_11'), [1, 3])
      assert.deepEqual(await numbersIn(bench, 'events_2026_12'), [0, 2])
      const events = await bench.readAll(4)
      assert.deepEqual(
        events.map((event) => event.data.n),
        [0, 1, 2, 3],
        'the order of appending, whatever the clocks said',
      )
      const trail = await bench.journal.audit(bench.ctx, {})
      assert.deepEqual(
        trail.events.map((event) => event.data.n),
        [2, 0, 1, 3],
        'the audit trail goes by time',
      )
    })

    it('an append never fails for want of a month: the default partition takes it, and keeps it', async () => {
      const clock = clockAt('2026-11-15T00:00:00Z')
      await using bench = await setup(engine, { clock })
      await appendAt(bench, '2027-03-05T00:00:00Z', 1)
      await appendAt(bench, '1999-01-01T00:00:00Z', 2)
      assert.deepEqual(await numbersIn(bench, 'events_default'), [1, 2])
      await advanceTo(clock, '2027-03-06T00:00:00Z')
      const report = await bench.journal.ensurePartitions(bench.system)
      assert.deepEqual(report, {
        created: ['events_2027_04', 'events_2027_05'],
        inDefault: ['events_2027_03'],
        postponed: [],
      })
      await appendAt(bench, '2027-03-06T00:00:00Z', 3)
      const events = await bench.readAll(3)
      assert.deepEqual(
        events.map((event) => event.data.n),
        [1, 2, 3],
      )
    })

    it('retention drops whole months that are old enough, and old events of the default partition', async () => {
      const clock = clockAt('2026-06-10T00:00:00Z')
      await using bench = await setup(engine, { clock })
      await appendAt(bench, '1999-01-01T00:00:00Z', 0)
      await appendAt(bench, '2026-06-30T23:59:59.999Z', 1)
      await appendAt(bench, '2026-07-01T00:00:00Z', 2)
      await appendAt(bench, '2026-08-31T00:00:00Z', 3)
      await advanceTo(clock, '2026-08-01T00:00:00Z')
      const first = await bench.journal.retain(bench.system, 1)
      assert.deepEqual(first, { dropped: ['events_2026_06'], held: [], postponed: [], deleted: 1 })
      const events = await bench.readAll(2)
      assert.deepEqual(
        events.map((event) => event.data.n),
        [2, 3],
      )
      assert.deepEqual((await bench.journal.retain(bench.system, 1)).dropped, [])
    })

    it('retention waits for durable readers, and names those it waits for', async () => {
      const clock = clockAt('2026-06-10T00:00:00Z')
      await using bench = await setup(engine, { clock })
      const seen = new Seen()
      const reader = bench.journal.reader({ name: 'slow', from: 'start' }, seen.take)
      await bench.observed.until((signal) => signal.kind === 'acquired')
      await reader[Symbol.asyncDispose]()
      await appendAt(bench, '1999-01-01T00:00:00Z', 0)
      await appendAt(bench, '2026-06-30T00:00:00Z', 1)
      await advanceTo(clock, '2026-10-01T00:00:00Z')
      const waiting = await bench.journal.retain(bench.system, 1)
      assert.deepEqual(waiting.held, [{ partition: 'events_2026_06', readers: ['slow'] }])
      assert.deepEqual(
        [waiting.deleted, waiting.dropped],
        [0, ['events_2026_07', 'events_2026_08']],
        'an empty month waits for nobody',
      )
      const again = bench.journal.reader({ name: 'slow', from: 'start' }, seen.take)
      await seen.count(2)
      await again[Symbol.asyncDispose]()
      const done = await bench.journal.retain(bench.system, 1)
      assert.deepEqual([done.held, done.deleted, done.dropped], [[], 1, ['events_2026_06']])
    })

    it('a reader that was forgotten holds nothing back', async () => {
      const clock = clockAt('2026-06-10T00:00:00Z')
      await using bench = await setup(engine, { clock })
      const reader = bench.journal.reader({ name: 'gone', from: 'start' }, async () => undefined)
      await bench.observed.until((signal) => signal.kind === 'acquired')
      await reader[Symbol.asyncDispose]()
      await appendAt(bench, '2026-06-30T00:00:00Z', 1)
      await advanceTo(clock, '2026-10-01T00:00:00Z')
      assert.equal((await bench.journal.retain(bench.system, 1)).held.length, 1)
      await bench.journal.forgetReader(bench.system, 'gone')
      assert.deepEqual((await bench.journal.retain(bench.system, 1)).dropped, ['events_2026_06'])
    })

    it('months to keep are a whole number from 1', async () => {
      await using bench = await setup(engine)
      for (const months of [0, -1, 1.5, 1_201]) {
        await assert.rejects(bench.journal.retain(bench.system, months), RangeError)
      }
    })

    it('maintenance makes partitions at once and again every day, and drops what is old', async () => {
      const clock = clockAt('2026-06-10T00:00:00Z')
      await using bench = await setup(engine, { clock, partitions: false })
      await using maintenance = bench.journal.maintain({ retainMonths: 2 })
      await maintenance.first
      assert.deepEqual(await partitions(bench), [
        'events_2026_06',
        'events_2026_07',
        'events_2026_08',
        'events_default',
      ])
      await eventually(() => clock.sleepers > 0)
      await advanceTo(clock, '2026-09-01T00:00:00Z')
      const expected = [
        'events_2026_07',
        'events_2026_08',
        'events_2026_09',
        'events_2026_10',
        'events_2026_11',
        'events_default',
      ]
      await eventually(
        () => partitions(bench),
        (found) => found.join() === expected.join(),
      )
    })
  })
}

describe('partitions beside traffic (postgres)', () => {
  it('a change of partitions waits its turn in short attempts, and gets through when the long transaction ends', async () => {
    await using bench = await setup('postgres', { partitions: false })
    await bench.append(1)
    const opened = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const long = bench.db.transaction(bench.ctx, async (tx) => {
      bench.journal.append(bench.ctx, tx, note(2))
      await bench.journal.audit(bench.ctx, {})
      opened.resolve()
      await end.promise
    })
    await opened.promise
    const change = bench.journal.ensurePartitions(bench.system)
    // Appends go on, each waiting at most for one short attempt.
    for (let n = 3; n < 8; n++) await bench.append(n)
    end.resolve()
    await long
    const report = await change
    // A machine so slow that all attempts were over before the end: then the next run does it.
    if (report.postponed.length > 0) await bench.journal.ensurePartitions(bench.system)
    assert.equal((await partitions(bench)).length, 3, 'events of this month are in the default partition by now')
    assert.equal((await bench.readAll(7)).length, 7)
  })
})
