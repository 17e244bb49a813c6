import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migrate, openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { startPostgres } from '@stoa/testkit/servers'
import { adoptJournal, assertOwnJournal, journalAhead, journalMigrations } from '../src/index.ts'
import { type Bench, Seen, setup } from './setup.ts'

/** Numbers that no cluster of a test reaches. */
const FAR = 1_000_000_000_000

/** What a dump brings into a cluster that is so far behind the one where it was made. */
const restoreFromAfar = (bench: Bench) =>
  bench.db.admin((session) =>
    session.exec(`
do $$ declare partition regclass; begin
  for partition in select inhrelid::regclass from pg_inherits where inhparent = 'stoa.events'::regclass loop
    execute format('update %s set xid = (xid::text::bigint + ${FAR})::text::xid8', partition);
  end loop;
end $$;
update stoa.journal_readers set position_xid = (position_xid::text::bigint + ${FAR})::text::xid8, lease_until = now()`),
  )

/** Events as `xid.id`, each with its place in the order as its number. */
const restoredRows = (places: readonly string[]) => `
insert into stoa.events_default (tenant_id, xid, id, at, version, type, subjects, data, actor_type, actor_id, request_id)
select gen_random_uuid(), split_part(place, '.', 1)::xid8, split_part(place, '.', 2)::bigint, now(), 1, 'test.noted', '{note:1}',
  jsonb_build_object('n', n), 'person', 'u', 'r'
from unnest(array[${places.map((place) => `'${place}'`).join()}]) with ordinality as rows (place, n);
select setval('stoa.events_id_seq', ${Math.max(...places.map((place) => Number(place.split('.')[1])))})`

/** Reads all with a journal that remembers nothing of before. */
async function numbers(bench: Bench, count: number): Promise<unknown[]> {
  const { journal } = await bench.another()
  const read = async () => (await journal.read(bench.system, null, 5_000)).events
  return (await eventually(read, (events) => events.length >= count)).map((event) => event.data.n)
}

/** What a durable reader is given from where it stands. */
async function rest(bench: Bench, name: string, count: number): Promise<number[]> {
  const seen = new Seen()
  const { journal } = await bench.another()
  await using _reader = journal.reader({ name, from: 'start' }, seen.take)
  await seen.count(count)
  return seen.numbers
}

const readerAt = (name: string, position: string) => `
insert into stoa.journal_readers (name, position_xid, position_id, fence, holder, lease_until, advanced_at)
values ('${name}', '${position.replace('.', "', ")}, 1, 'x', now(), now());`

for (const engine of engines) {
  describe(`a journal from another cluster (${engine})`, () => {
    it('is known by the numbers of its transactions, and one that is at home is left as it is', async () => {
      await using bench = await setup(engine)
      assert.equal(await bench.db.admin(journalAhead), null, 'an empty one')
      await bench.append(1, 2)
      assert.equal(await bench.db.admin(journalAhead), null)
      assert.equal(await adoptJournal(bench.db), null)
      await assertOwnJournal(bench.db)
      await restoreFromAfar(bench)
      const ahead = await bench.db.admin(journalAhead)
      assert.ok(ahead && Number(ahead.highest) > FAR && Number(ahead.next) < FAR)
      await assert.rejects(assertOwnJournal(bench.db), { code: 'journal_from_elsewhere' })
    })

    it('is adopted: its events can be read, in their order and before what comes, and readers go on where they stood', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2)
      assert.deepEqual(await rest(bench, 'half', 2), [1, 2])
      await bench.append(3, 4)
      await restoreFromAfar(bench)
      const { journal } = await bench.another()
      assert.deepEqual((await journal.read(bench.system, null, 100)).events, [], 'readers would wait')
      assert.deepEqual(await adoptJournal(bench.db), { transactions: 4 })
      await assertOwnJournal(bench.db)
      await bench.append(5)
      assert.deepEqual(await numbers(bench, 5), [1, 2, 3, 4, 5])
      assert.deepEqual(await rest(bench, 'half', 3), [3, 4, 5])
      assert.deepEqual(await rest(bench, 'new', 5), [1, 2, 3, 4, 5])
      assert.equal(await adoptJournal(bench.db), null)
    })

    it('keeps the order of transactions that overlapped, and what began before it was noticed comes last', async () => {
      await using bench = await setup(engine, { partitions: false })
      // The numbers of the old cluster begin below those of this one and end above.
      const places = [
        '3.1',
        '3.4',
        '4.2',
        '4.3',
        `${FAR}.5`,
        `${FAR}.9`,
        `${FAR + 1}.6`,
        `${FAR + 2}.7`,
        `${FAR + 3}.8`,
      ]
      await bench.db.admin((session) =>
        session.exec(`${readerAt('low', '3.4')} ${readerAt('high', `${FAR}.9`)} ${readerAt('between', `${FAR + 1}.999`)}
${readerAt('now', `${FAR + 2}.0`)} ${readerAt('ahead', `${FAR + 9}.1`)} ${restoredRows(places)}`),
      )
      await bench.append(10, 11)
      assert.deepEqual(await adoptJournal(bench.db), { transactions: 6 })
      assert.deepEqual(await numbers(bench, 11), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
      assert.deepEqual(await rest(bench, 'low', 9), [3, 4, 5, 6, 7, 8, 9, 10, 11])
      assert.deepEqual(await rest(bench, 'high', 5), [7, 8, 9, 10, 11])
      assert.deepEqual(await rest(bench, 'between', 4), [8, 9, 10, 11])
      assert.deepEqual(await rest(bench, 'now', 4), [8, 9, 10, 11])
      assert.deepEqual(await rest(bench, 'ahead', 2), [10, 11])
    })

    it('is not adopted while somebody reads it', async () => {
      await using bench = await setup(engine)
      await bench.append(1)
      await restoreFromAfar(bench)
      await using _reader = bench.journal.reader({ name: 'r', from: 'start' }, async () => undefined)
      await bench.observed.until((signal) => signal.kind === 'acquired')
      await assert.rejects(adoptJournal(bench.db), { code: 'journal_in_use' })
      assert.ok(await bench.db.admin(journalAhead))
    })
  })
}

describe('a journal in a cluster that has given out few numbers', () => {
  it('is adopted too: the cluster gives out as many as it takes', async () => {
    await using server = await startPostgres()
    const deps = { log: silentLogger, clock: systemClock }
    await using db = await openPostgres({ url: server.url }, deps)
    await migrate(db, [journalMigrations], deps)
    // Each began before the one before it had ended, so that no two can share a number.
    const count = 5_000
    const places = Array.from({ length: count }, (_, n) => `${FAR + n}.${count - n}`)
    await db.admin((session) => session.exec(restoredRows(places)))
    assert.deepEqual(await adoptJournal(db), { transactions: count })
    await assertOwnJournal(db)
    const [row] = await db.admin((session) =>
      session.query<{ inOrder: boolean; highest: number }>(
        `select bool_and(n = (data->>'n')::int) as in_order, max(xid)::text::int as highest
         from (select *, row_number() over (order by xid, id) as n from stoa.events_default) e`,
      ),
    )
    assert.deepEqual(row, { inOrder: true, highest: count })
  })
})
