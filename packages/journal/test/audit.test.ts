import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { statement } from '@stoa/db'
import { type Ctx, tenantCtx } from '@stoa/kernel'
import { engines } from '@stoa/testkit'
import { Type } from 'typebox'
import { auditPage } from '../src/event-store.ts'
import { type AuditFilter, defineEvent } from '../src/index.ts'
import { monthOf } from '../src/month.ts'
import { type Bench, noted, setup, tenant } from './setup.ts'

const removed = defineEvent({
  type: 'test.removed',
  version: 1,
  description: 'Something was removed.',
  data: Type.Object({ n: Type.Integer() }),
})

const granted = defineEvent({
  type: 'test.granted',
  version: 1,
  description: 'Somebody may do something.',
  keepsPlace: true,
  data: Type.Object({ n: Type.Integer() }),
})
const place = { addressPrefix: '2001:db8:1::/48', device: "Fire'fox on Linux" }

interface Written {
  readonly n: number
  readonly at?: string
  readonly actor?: Ctx['actor']
  readonly subjects?: string[]
  readonly definition?: typeof removed
}

async function write(bench: Bench, ...events: Written[]): Promise<void> {
  for (const { n, at, actor, subjects = [`note:${n}`], definition = noted } of events) {
    const now = at === undefined ? bench.ctx.clock.now() : Date.parse(at)
    const clock = { now: () => now, sleep: bench.ctx.clock.sleep }
    const ctx = tenantCtx({ ...bench.ctx, clock, ...(actor && { actor }) }, bench.ctx.tenant)
    await bench.db.transaction(ctx, async (tx) => bench.journal.append(ctx, tx, definition.of({ n }, subjects)))
  }
}

async function trail(bench: Bench, filter: AuditFilter, ctx = bench.ctx): Promise<number[]> {
  const numbers: number[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await bench.journal.audit(ctx, { ...filter, ...(cursor !== undefined && { cursor }) })
    numbers.push(...page.events.map((event) => event.data.n as number))
    if (page.nextCursor === null) return numbers
    cursor = page.nextCursor
  }
}

const events = [noted, removed, granted]

for (const engine of engines) {
  describe(`audit trail (${engine})`, () => {
    it('a subject is found in each of its four places, newest first, and nowhere else', async () => {
      await using bench = await setup(engine, { events })
      await write(
        bench,
        { n: 1, subjects: ['link:7'] },
        { n: 2, subjects: ['a:1', 'link:7'] },
        { n: 3, subjects: ['a:1', 'b:1', 'link:7'] },
        { n: 4, subjects: ['a:1', 'b:1', 'c:1', 'link:7'] },
        { n: 5, subjects: ['link:77'] },
        { n: 6, subjects: ['a:1'] },
      )
      assert.deepEqual(await trail(bench, { subject: 'link:7' }), [4, 3, 2, 1])
      assert.deepEqual(await trail(bench, { subject: 'link:7', limit: 1 }), [4, 3, 2, 1])
      assert.deepEqual(await trail(bench, { subject: 'link:8' }), [])
    })

    it('tells where the request came from, of the types that keep it, however it is asked; readers are not told', async () => {
      await using bench = await setup(engine, { events })
      const from = { ...bench.ctx, place, actor: { type: 'person', id: 'ann' } as const }
      const unasked = {
        ...from,
        get place(): never {
          throw new Error('nobody keeps it')
        },
      }
      await bench.db.transaction(from, async (tx) => {
        bench.journal.append(from, tx, granted.of({ n: 1 }, ['x:1']))
        bench.journal.append(unasked, tx, noted.of({ n: 2 }, ['x:1']))
        // What a command does, or a job.
        bench.journal.append({ ...from, place: undefined }, tx, granted.of({ n: 3 }, ['x:1']))
        bench.journal.append({ ...from, place: { ...place, addressPrefix: '' } }, tx, granted.of({ n: 4 }, ['x:1']))
      })
      for (const filter of [{}, { subject: 'x:1' }, { actor: 'ann' }]) {
        const page = await bench.journal.audit(bench.ctx, filter)
        const places = page.events.map((event) => [event.data.n, event.place])
        assert.deepEqual(
          places,
          [
            [4, { ...place, addressPrefix: '' }],
            [3, null],
            [2, null],
            [1, place],
          ],
          JSON.stringify(filter),
        )
      }
      assert.doesNotMatch(JSON.stringify(await bench.readAll(4)), /2001:db8|Fire/)
    })

    it('what a node of an older version appends has no place', async () => {
      await using bench = await setup(engine, { events })
      const older = statement<[], never>(
        `insert into stoa.events (tenant_id, at, version, type, subjects, data, actor_type, actor_id, request_id, trace_id)
         values (current_setting('stoa.tenant')::uuid, now(), 1, 'test.granted', '{x:1}', '{"n":1}', 'person', 'u', 'r', null)`,
      )
      await bench.db.transaction(bench.ctx, (tx) => tx.run(older()))
      assert.deepEqual(
        (await bench.journal.audit(bench.ctx, {})).events.map((event) => event.place),
        [null],
      )
    })

    it('actor, type and time narrow it down, alone and together', async () => {
      await using bench = await setup(engine, { events })
      const ann = { type: 'person', id: 'ann' } as const
      const key = { type: 'apiKey', id: 'ann' } as const
      await write(
        bench,
        { n: 1, at: '2026-11-01T00:00:00Z', actor: ann, subjects: ['x:1'] },
        { n: 2, at: '2026-11-02T00:00:00Z', actor: key, subjects: ['x:1'] },
        { n: 3, at: '2026-11-03T00:00:00Z', actor: ann, definition: removed, subjects: ['x:1'] },
        { n: 4, at: '2026-11-04T00:00:00Z', subjects: ['x:2'] },
      )
      const cases: [AuditFilter, number[]][] = [
        [{}, [4, 3, 2, 1]],
        [{ actor: 'ann' }, [3, 2, 1]],
        [{ actor: 'ann', actorType: 'person' }, [3, 1]],
        [{ actorType: 'apiKey' }, [2]],
        [{ type: 'test.removed' }, [3]],
        [{ subject: 'x:1', actor: 'ann', actorType: 'person', type: 'test.noted' }, [1]],
        [{ after: new Date('2026-11-02T00:00:00Z') }, [4, 3, 2]],
        [{ before: new Date('2026-11-03T00:00:00Z') }, [2, 1]],
        [{ after: new Date('2026-11-02T00:00:00Z'), before: new Date('2026-11-03T00:00:00Z') }, [2]],
        [{ after: new Date('2026-11-05T00:00:00Z') }, []],
        [{ after: new Date('2026-11-03T00:00:00Z'), before: new Date('2026-11-01T00:00:00Z') }, []],
      ]
      for (const [filter, expected] of cases) {
        assert.deepEqual(await trail(bench, filter), expected, JSON.stringify(filter))
        assert.deepEqual(await trail(bench, { ...filter, limit: 1 }), expected, `one by one: ${JSON.stringify(filter)}`)
      }
    })

    it('pages join without gap or repeat, over equal times and over years', async () => {
      await using bench = await setup(engine, { events })
      const times = [
        '2026-11-20T10:00:00Z',
        '2026-10-01T00:00:00Z',
        '2026-03-01T00:00:00Z',
        '2024-02-29T12:00:00Z',
        '1999-12-31T23:59:59.999Z',
      ]
      const written = times.flatMap((at, i) => [0, 1, 2, 3].map((k) => ({ n: i * 10 + k, at, subjects: ['x:1'] })))
      await write(bench, ...written)
      const expected = times.flatMap((_, i) => [3, 2, 1, 0].map((k) => i * 10 + k))
      for (const limit of [1, 3, 4, 7, 20, 100]) {
        assert.deepEqual(await trail(bench, { limit }), expected, `limit ${limit}`)
        assert.deepEqual(await trail(bench, { limit, subject: 'x:1' }), expected, `subject, limit ${limit}`)
      }
    })

    it("a tenant's trail holds nothing of another tenant's, whatever it asks for", async () => {
      await using bench = await setup(engine, { events })
      await write(bench, { n: 1, actor: { type: 'person', id: 'ann' }, subjects: ['x:1'] })
      const other = tenant('other')
      for (const filter of [{}, { subject: 'x:1' }, { actor: 'ann' }, { type: 'test.noted' }]) {
        assert.deepEqual(await trail(bench, filter, other), [])
      }
      const page = await bench.journal.audit(bench.ctx, { limit: 1 })
      assert.equal(page.events.length, 1)
    })

    it('it needs the permission audit:read', async () => {
      await using bench = await setup(engine, { events })
      const ctx = { ...bench.ctx, permissions: new Set(['links:*']) }
      await assert.rejects(bench.journal.audit(ctx, {}), { code: 'forbidden' })
      assert.ok(await bench.journal.audit({ ...ctx, permissions: new Set(['audit:*']) }, {}))
    })

    it('a filter out of range is refused, each field by name', async () => {
      await using bench = await setup(engine, { events })
      const cases: [AuditFilter, string][] = [
        [{ limit: 0 }, 'limit'],
        [{ limit: 101 }, 'limit'],
        [{ limit: 1e9 }, 'limit'],
        [{ limit: 2.5 }, 'limit'],
        [{ limit: Number.NaN }, 'limit'],
        [{ subject: '' }, 'subject'],
        [{ subject: 'x'.repeat(201) }, 'subject'],
        [{ actor: 'a\0b' }, 'actor'],
        [{ type: '\ud800' }, 'type'],
        [{ actorType: 'admin' as 'person' }, 'actorType'],
        [{ after: new Date(Number.NaN) }, 'after'],
        [{ before: new Date(8.64e15) }, 'before'],
      ]
      for (const [filter, name] of cases) {
        await assert.rejects(
          bench.journal.audit(bench.ctx, filter),
          (error: { code: string; fields: { pointer: string }[] }) => {
            assert.equal(error.code, 'validation_failed')
            assert.deepEqual(
              error.fields.map((field) => field.pointer),
              [`/query/${name}`],
            )
            return true
          },
        )
      }
    })

    it('a cursor that was tampered with is an invalid cursor', async () => {
      await using bench = await setup(engine, { events })
      await write(bench, { n: 1 }, { n: 2 })
      const { nextCursor } = await bench.journal.audit(bench.ctx, { limit: 1 })
      assert.ok(nextCursor)
      const coded = (text: string) => Buffer.from(text).toString('base64url')
      const wrong = [
        '',
        'x',
        `${nextCursor}=`,
        `${nextCursor}A`,
        ` ${nextCursor}`,
        coded('2026-11-20T10:00:00.000Z'),
        coded('2026-13-20T10:00:00.000Z 1'),
        coded('2026-11-20T10:00:00.000Z 9223372036854775808'),
        coded("2026-11-20T10:00:00.000Z 1' or true"),
        'A'.repeat(10_000),
      ]
      for (const cursor of wrong) {
        await assert.rejects(
          bench.journal.audit(bench.ctx, { cursor }),
          { code: 'invalid_cursor' },
          cursor.slice(0, 60),
        )
      }
    })
  })
}

describe('the plan of the audit trail (postgres)', () => {
  it('each filter is answered by its index, under row level security too', async () => {
    await using bench = await setup('postgres', { events })
    // The owner is bound by row level security too, so it writes to the partition.
    const { partition, start } = monthOf(Date.now())
    await bench.db.admin((session) =>
      session.exec(`insert into stoa.${partition} (tenant_id, at, version, type, subjects, data, actor_type, actor_id, request_id)
        select case when n % 2 = 0 then '${bench.ctx.tenant.id}'::uuid else md5((n % 20)::text)::uuid end,
          date_trunc('month', now(), 'UTC') + n * interval '1 s', 1, 'test.noted', array['x:' || n % 1000, 'y:' || n % 1000],
          '{"n":1}', 'person', 'u' || n % 1000, 'r' from generate_series(1, 20000) n`),
    )
    await bench.db.admin((session) => session.exec('analyze stoa.events'))
    const query = {
      subject: null,
      actorType: null,
      actorId: null,
      type: null,
      from: new Date(0),
      // The events lie in the first hours of the month, which may not be over.
      beforeAt: new Date(start.getTime() + 86_400_000),
      beforeId: '0',
      limit: 20,
    }
    const indexes = [
      [{ ...query, subject: 'x:8' }, /subjects/],
      [{ ...query, actorId: 'u8' }, /actor_id/],
      [query, /pkey/],
    ] as const
    for (const [asked, index] of indexes) {
      const { sql, parameters } = auditPage(asked) as { sql: string; parameters: readonly unknown[] }
      const explain = statement<unknown[], Record<string, string>>(`explain ${sql}`)
      const rows = await bench.db.read(bench.ctx, (tx) => tx.many(explain(...parameters)))
      const plan = rows.flatMap((row) => Object.values(row)).join('\n')
      assert.match(plan, index)
      assert.doesNotMatch(plan, /Seq Scan on events_2/)
    }
  })
})
