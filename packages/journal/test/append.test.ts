import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { statement, tenancyProblems } from '@stoa/db'
import { engines } from '@stoa/testkit'
import { note, noted, setup, tenant } from './setup.ts'

const count = statement<[], { n: number }>('select count(*) as n from stoa.events')

for (const engine of engines) {
  describe(`append (${engine})`, () => {
    it('an event carries tenant, actor, request, trace and time of its context', async () => {
      await using bench = await setup(engine)
      const at = Date.parse('2026-11-20T10:00:00.123Z')
      const clock = { ...bench.ctx.clock, now: () => at }
      const ctx = { ...bench.ctx, actor: { type: 'person', id: 'u-1' } as const, traceId: 'f'.repeat(32), clock }
      const data = { n: 1, text: `quote ' " \\ and ${'ü😀'} and \u0001` }
      await bench.db.transaction(ctx, async (tx) =>
        bench.journal.append(ctx, tx, noted.of(data, ['note:1', 'user:{"a,b"}'])),
      )
      const [event] = await bench.readAll(1)
      assert.ok(event)
      const { id, position, ...rest } = event
      assert.equal(position.split('.')[1], String(id))
      assert.deepEqual(rest, {
        tenantId: ctx.tenant.id,
        type: 'test.noted',
        version: 1,
        subjects: ['note:1', 'user:{"a,b"}'],
        data,
        actor: { type: 'person', id: 'u-1' },
        requestId: ctx.requestId,
        traceId: 'f'.repeat(32),
        at: new Date(at),
      })
    })

    it('an event of a transaction that rolls back was never there, and hints at nothing', async () => {
      await using bench = await setup(engine)
      let hints = 0
      bench.hints.subscribe('journal.events', () => hints++)
      const failing = bench.db.transaction(bench.ctx, async (tx) => {
        bench.journal.append(bench.ctx, tx, note(1))
        await tx.one(count())
        throw new Error('no')
      })
      await assert.rejects(failing, /no/)
      assert.equal(hints, 0)
      await bench.append(2)
      assert.deepEqual(
        (await bench.readAll(1)).map((event) => event.data.n),
        [2],
      )
    })

    it('a transaction hints once, after its commit, however many events it has', async () => {
      await using bench = await setup(engine)
      let hints = 0
      bench.hints.subscribe('journal.events', () => hints++)
      await bench.db.transaction(bench.ctx, async (tx) => {
        for (let n = 0; n < 5; n++) bench.journal.append(bench.ctx, tx, note(n))
        await tx.one(count())
        assert.equal(hints, 0)
      })
      assert.equal(hints, 1)
    })

    it('an event that is not valid fails before anything is sent', async () => {
      await using bench = await setup(engine)
      const wrong = bench.db.transaction(bench.ctx, async (tx) => {
        bench.journal.append(bench.ctx, tx, note(1))
        bench.journal.append(bench.ctx, tx, noted.of({ n: 1.5 }, ['note:1']))
      })
      await assert.rejects(wrong, { code: 'event_invalid' })
      await bench.append(2)
      assert.deepEqual(
        (await bench.readAll(1)).map((event) => event.data.n),
        [2],
      )
    })

    it("an event cannot be appended in another tenant's transaction", async () => {
      await using bench = await setup(engine)
      const other = tenant('other')
      const wrong = bench.db.transaction(bench.ctx, async (tx) => bench.journal.append(other, tx, note(1)))
      await assert.rejects(wrong, { code: 'event_of_another_tenant' })
    })

    it('a system transaction appends for any tenant', async () => {
      await using bench = await setup(engine)
      const [a, b] = [tenant('a'), tenant('b')]
      await bench.db.system(bench.system, async (tx) => {
        bench.journal.append(a, tx, note(1))
        bench.journal.append(b, tx, note(2))
      })
      const events = await bench.readAll(2)
      assert.deepEqual(
        events.map((event) => event.tenantId),
        [a.tenant.id, b.tenant.id],
      )
    })

    it('row level security: a tenant sees its own events and writes for itself alone', async () => {
      await using bench = await setup(engine)
      const other = tenant('other')
      await bench.append(1, 2)
      assert.equal((await bench.db.read(bench.ctx, (tx) => tx.one(count()))).n, 2)
      assert.equal((await bench.db.read(other, (tx) => tx.one(count()))).n, 0)
      const foreign = statement<[tenant: string], never>(
        `insert into stoa.events (tenant_id, at, version, type, subjects, data, actor_type, actor_id, request_id)
         values ($1, now(), 1, 'test.noted', '{note:1}', '{}', 'person', 'u', 'r')`,
      )
      const forged = bench.db.transaction(other, (tx) => tx.run(foreign(bench.ctx.tenant.id)))
      await assert.rejects(forged, /row-level security/)
    })

    it('its tables keep tenants apart, the partitions too', async () => {
      await using bench = await setup(engine)
      const problems = await bench.db.admin((session) => tenancyProblems(session, new Map()))
      const own = problems.filter((problem) => /^stoa\.(journal|events)/.test(problem))
      // How far each reader has come is one row for all tenants.
      assert.deepEqual(own, ['stoa.journal_readers has no tenant_id and is not on the list of tables without one'])
    })

    it('nobody changes, removes or reorders what was appended', async () => {
      await using bench = await setup(engine)
      await bench.append(1)
      const attempts = [
        "update stoa.events set type = 'x.y'",
        'delete from stoa.events',
        'truncate stoa.events',
        'select * from stoa.events_default',
        `insert into stoa.events (tenant_id, id, at, version, type, subjects, data, actor_type, actor_id, request_id)
         values (current_setting('stoa.tenant')::uuid, 1, now(), 1, 'a.b', '{note:1}', '{}', 'person', 'u', 'r')`,
        `insert into stoa.events (tenant_id, xid, at, version, type, subjects, data, actor_type, actor_id, request_id)
         values (current_setting('stoa.tenant')::uuid, '3', now(), 1, 'a.b', '{note:1}', '{}', 'person', 'u', 'r')`,
      ]
      for (const sql of attempts) {
        const query = statement<[], never>(sql)
        await assert.rejects(
          bench.db.transaction(bench.ctx, (tx) => tx.run(query())),
          /permission denied/,
          sql,
        )
        await assert.rejects(
          bench.db.system(bench.system, (tx) => tx.run(query())),
          /permission denied/,
          sql,
        )
      }
    })

    it('a page ends at the limit and goes on from its position; a tampered position is an invalid cursor', async () => {
      await using bench = await setup(engine)
      await bench.append(1, 2, 3)
      await bench.readAll(3)
      const first = await bench.journal.read(bench.system, null, 2)
      const second = await bench.journal.read(bench.system, first.position, 2)
      const third = await bench.journal.read(bench.system, second.position, 2)
      const numbers = [first, second, third].map((page) => page.events.map((event) => event.data.n))
      assert.deepEqual(numbers, [[1, 2], [3], []])
      assert.equal(third.position, second.position)
      await bench.append(4)
      await bench.readAll(4)
      const again = await bench.journal.read(bench.system, null, 100)
      assert.deepEqual(
        again.events.map((event) => event.data.n),
        [1, 2, 3, 4],
        'a short page of before is no end',
      )
      for (const wrong of ['x', '1.2.3', `${first.position}0000000000000000000`]) {
        await assert.rejects(bench.journal.read(bench.system, wrong, 2), { code: 'invalid_cursor' })
      }
      for (const limit of [0, -1, 1.5, 5_001]) {
        await assert.rejects(bench.journal.read(bench.system, null, limit), RangeError)
      }
    })
  })
}
