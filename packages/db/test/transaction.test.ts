import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { after, before, describe, test } from 'node:test'
import { type Ctx, newId, StoaError, systemCtx, type Tenant, tenantCtx } from '@stoa/kernel'
import { eventually, inTime } from '@stoa/testkit'
import {
  type Database,
  DatabaseError,
  isUniqueViolation,
  json,
  NestedTransactionError,
  openPostgres,
  queryBuilder,
  statement,
  type Tx,
} from '../src/index.ts'
import { deps, engines, openBareDatabase, withNotes } from './engines.ts'

interface Note {
  tenantId: string
  id: number
  body: string | null
  tags: string[] | null
  extra: unknown
  at: Date | null
  big: number | null
  raw: Buffer | null
}

const insertNote = statement<[tenantId: string, id: number, body: string], never>(
  'insert into notes (tenant_id, id, body) values ($1, $2, $3)',
)
const noteById = statement<[tenantId: string, id: number], Note>('select * from notes where tenant_id = $1 and id = $2')
const allNotes = statement<[], Note>('select * from notes order by id')
const backend = statement<[], { pid: number }>('select pg_backend_pid() as pid')
const allTrue = statement<[], { ok: boolean }>('select true as ok')
const fault = statement<[], never>('select 1 / 0')

const system = systemCtx(deps, 'test')
const tenant = (slug: string, schema = 'stoa_pool'): Tenant => ({ id: newId(), slug, schema })

for (const engine of engines) {
  describe(`transactions on ${engine}`, () => {
    let db: Database
    let ctx: Ctx
    let other: Ctx
    before(async () => {
      db = await withNotes(await openBareDatabase(engine))
      other = tenantCtx(system, tenant('other'))
    })
    after(() => db[Symbol.asyncDispose]())
    const fresh = (): Ctx => {
      ctx = tenantCtx(system, tenant('one'))
      return ctx
    }
    const put =
      (id: number, body = 'x') =>
      (tx: Tx) =>
        tx.run(insertNote(ctx.tenant.id, id, body))

    test('whoever is inside of a transaction can know it, and only as long as it is open', async () => {
      fresh()
      const later = Promise.withResolvers<() => boolean>()
      assert.equal(db.inTransaction(), false)
      await db.transaction(ctx, async (tx) => {
        await put(100)(tx)
        assert.equal(db.inTransaction(), true)
        later.resolve(AsyncLocalStorage.bind(() => db.inTransaction()))
      })
      assert.equal(db.inTransaction(), false)
      assert.equal((await later.promise)(), false)
    })

    test('a committed write is there, a rolled back one is not', async () => {
      fresh()
      assert.equal(await db.transaction(ctx, put(1, 'kept')), 1)
      await assert.rejects(
        db.transaction(ctx, async (tx) => {
          await put(2)(tx)
          throw new Error('no')
        }),
        /no/,
      )
      const notes = await db.read(ctx, (tx) => tx.many(allNotes()))
      assert.deepEqual(
        notes.map((note) => note.body),
        ['kept'],
      )
    })

    test('values of every type survive the way there and back', async () => {
      fresh()
      const at = new Date('2026-11-21T12:34:56.789Z')
      const tags = ['a"b', 'c\\d', 'e,f', '{}', 'NULL', '', 'ü☃']
      await db.transaction(ctx, (tx) =>
        tx.run(
          statement<unknown[], never>('insert into notes values ($1, $2, $3, $4, $5, $6, $7, $8)')(
            ctx.tenant.id,
            1,
            `'; drop table notes --`,
            tags,
            json([1, { a: 'b' }]),
            at,
            9007199254740991n,
            Buffer.from([0, 255]),
          ),
        ),
      )
      const note = await db.read(ctx, (tx) => tx.one(noteById(ctx.tenant.id, 1)))
      assert.deepEqual(note, {
        tenantId: ctx.tenant.id,
        id: 1,
        body: `'; drop table notes --`,
        tags,
        extra: [1, { a: 'b' }],
        at,
        big: 9007199254740991,
        raw: Buffer.from([0, 255]),
      })
    })

    test('an integer that a JavaScript number cannot hold is an error, not another integer', async () => {
      await assert.rejects(
        db.read(fresh(), (tx) => tx.one(statement<[], { n: number }>('select 9007199254740993::bigint as n')())),
        RangeError,
      )
      assert.equal((await db.read(ctx, (tx) => tx.one(statement<[], { n: number }>('select 1 as n')()))).n, 1)
    })

    test('a tenant sees and changes its own rows alone, even where the query forgets the tenant', async () => {
      fresh()
      await db.transaction(ctx, put(1))
      assert.deepEqual(await db.read(other, (tx) => tx.many(allNotes())), [])
      assert.equal(await db.transaction(other, (tx) => tx.run(statement<[], never>('delete from notes')())), 0)
      await assert.rejects(
        db.transaction(other, (tx) => tx.run(insertNote(ctx.tenant.id, 2, 'smuggled'))),
        (error: DatabaseError) => error instanceof DatabaseError && error.sqlState === '42501',
      )
      assert.equal((await db.read(ctx, (tx) => tx.many(allNotes()))).length, 1)
    })

    test('a tenant with a schema of its own writes there and not into the pool', async () => {
      fresh()
      ctx = tenantCtx(system, { ...ctx.tenant, schema: 'stoa_t_acme' })
      await db.transaction(ctx, put(1, 'own schema'))
      const [row] = await db.admin((session) =>
        session.query<{ pool: number; own: number }>(
          'select (select count(*)::int from stoa_pool.notes where tenant_id = $1) pool, (select count(*)::int from stoa_t_acme.notes where tenant_id = $1) own',
          [ctx.tenant.id],
        ),
      )
      assert.equal((await db.read(ctx, (tx) => tx.many(allNotes()))).length, 1)
      // The owner is held by FORCE ROW LEVEL SECURITY too, unless it is a superuser, as in these tests.
      assert.deepEqual(row, { pool: 0, own: 1 })
    })

    test('the system sees the rows of every tenant of the pool', async () => {
      fresh()
      await db.transaction(ctx, put(1))
      const notes = await db.systemRead(system, (tx) => tx.many(allNotes()))
      assert.ok(notes.some((note) => note.tenantId === ctx.tenant.id))
    })

    test('a read cannot write', async () => {
      await assert.rejects(db.read(fresh(), put(1)), (error: DatabaseError) => error.sqlState === '25006')
    })

    test('statements started together leave in order, and their results come back to each', async () => {
      fresh()
      const counts = await db.transaction(ctx, (tx) =>
        Promise.all([put(1, 'a')(tx), tx.many(allNotes()), put(2, 'b')(tx), tx.many(allNotes())]),
      )
      assert.deepEqual(
        counts.map((result) => (Array.isArray(result) ? result.length : result)),
        [1, 1, 1, 2],
      )
    })

    test('a statement sent later is kept with the commit, and its failure fails the transaction', async () => {
      fresh()
      await db.transaction(ctx, async (tx) => tx.later(insertNote(ctx.tenant.id, 1, 'later')))
      assert.equal((await db.read(ctx, (tx) => tx.many(allNotes()))).length, 1)
      await assert.rejects(
        db.transaction(ctx, async (tx) => {
          await put(2)(tx)
          tx.later(insertNote(ctx.tenant.id, 1, 'twice'))
        }),
        (error) => isUniqueViolation(error, 'notes_pkey'),
      )
      assert.equal((await db.read(ctx, (tx) => tx.many(allNotes()))).length, 1)
    })

    test('what is sent along shows its row before anybody gets a result of that flush, and with the commit as well', async () => {
      fresh()
      const seen: unknown[] = []
      await db.transaction(ctx, async (tx) => {
        tx.later(allTrue(), { seen: (row) => seen.push(row) })
        await put(1)(tx)
        seen.push('written')
        tx.later(allTrue(), { seen: (row) => seen.push(row) })
        tx.afterCommit(() => seen.push('committed'))
      })
      assert.deepEqual(seen, [{ ok: true }, 'written', { ok: true }, 'committed'])
    })

    test('a transaction runs again after a failure that what it sent along asked for, and only then', async () => {
      fresh()
      await db.transaction(ctx, put(1))
      const tried: number[] = []
      const retryOn = (error: unknown) => isUniqueViolation(error, 'notes_pkey')
      const insertFrom = (first: number, asked: { retryOn?: typeof retryOn }) =>
        db.transaction(ctx, async (tx) => {
          const id = first + tried.length
          tried.push(id)
          tx.later(insertNote(ctx.tenant.id, id, 'numbered'), asked)
        })
      await insertFrom(1, { retryOn })
      assert.deepEqual(tried.splice(0), [1, 2])
      await assert.rejects(insertFrom(1, {}), retryOn)
      assert.deepEqual(tried.splice(0), [1])
      await assert.rejects(
        db.transaction(ctx, async (tx) => {
          tried.push(0)
          tx.later(insertNote(ctx.tenant.id, 1, 'taken for ever'), { retryOn })
        }),
        retryOn,
      )
      assert.equal(tried.length, 5)
    })

    test('an error that the function swallows still rolls everything back', async () => {
      fresh()
      await assert.rejects(
        db.transaction(ctx, async (tx) => {
          await put(1)(tx)
          await tx.many(fault()).catch(() => undefined)
        }),
        (error: DatabaseError) => error.sqlState === '22012',
      )
      assert.deepEqual(await db.read(ctx, (tx) => tx.many(allNotes())), [])
    })

    test('callbacks run after the commit and never after a rollback', async () => {
      fresh()
      const called: string[] = []
      await db.transaction(ctx, async (tx) => {
        tx.afterCommit(() => called.push('committed'))
        await put(1)(tx)
        assert.deepEqual(called, [])
      })
      await assert.rejects(
        db.transaction(ctx, async (tx) => {
          tx.afterCommit(() => called.push('rolled back'))
          await tx.many(fault())
        }),
      )
      assert.deepEqual(called, ['committed'])
    })

    test('the same tenant joins its open transaction, and reads there what it wrote', async () => {
      fresh()
      await db.transaction(ctx, async (outer) => {
        await put(1)(outer)
        await db.transaction(ctx, put(2))
        assert.equal((await db.read(ctx, (tx) => tx.many(allNotes()))).length, 2)
        assert.equal(
          (await db.read(other, async () => 'unused').catch((error) => error)).name,
          'NestedTransactionError',
        )
      })
    })

    test('the database used inside of another tenant’s transaction throws at once, with both stacks', {
      timeout: 60_000,
    }, async () => {
      fresh()
      const misuse = db.transaction(ctx, async function outerTransaction(tx) {
        await put(1)(tx)
        await db.transaction(other, async () => undefined)
      })
      await assert.rejects(misuse, (error: Error) => {
        assert.ok(error instanceof NestedTransactionError)
        assert.match(String(error.stack), /outerTransaction/)
        assert.match(String((error.cause as Error).stack), /transaction\.test/)
        return true
      })
    })

    test('asking the database itself for a hint or its health inside of a transaction throws at once', {
      timeout: 60_000,
    }, async () => {
      fresh()
      const hint = db.transaction(ctx, async (tx) => {
        await put(1)(tx)
        await db.notify('notes', 'changed')
      })
      await assert.rejects(hint, NestedTransactionError)
      const health = await db.transaction(ctx, async (tx) => {
        await put(1)(tx)
        return db.check()
      })
      assert.match(String(health.detail), /inside of an open transaction/)
    })

    test('after a transaction has ended, the same asynchronous context may open another', async () => {
      fresh()
      let later: Promise<unknown> = Promise.resolve()
      const ended = Promise.withResolvers<void>()
      await db.transaction(ctx, async (tx) => {
        later = ended.promise.then(() => db.transaction(other, (inner) => inner.many(allNotes())))
        await put(1)(tx)
      })
      ended.resolve()
      assert.deepEqual(await later, [])
    })

    test('a statement started after the function returned is refused', async () => {
      let leaked: Tx | undefined
      await db.transaction(fresh(), async (tx) => {
        leaked = tx
      })
      await assert.rejects(async () => leaked?.many(allNotes()), /has ended/)
    })

    test('nothing of a frame is left on the connection', async () => {
      await db.transaction(fresh(), put(1))
      const [row] = await db.admin((session) =>
        session.query("select current_user::text as user, current_setting('stoa.tenant', true) as tenant"),
      )
      assert.notEqual(row?.user, 'stoa_app')
      assert.ok(row?.tenant === null || row?.tenant === '')
    })

    test('a table that changes its columns under a prepared statement does not fail the reader', async () => {
      fresh()
      await db.transaction(ctx, put(1))
      const before = await db.read(ctx, (tx) => tx.many(allNotes()))
      await db.admin((session) => session.exec('alter table stoa_pool.notes add column extra_note text'))
      const rows = await Promise.all([1, 2, 3].map(() => db.read(ctx, (tx) => tx.many(allNotes()))))
      assert.equal(before.length, 1)
      for (const row of rows) assert.ok('extraNote' in (row[0] ?? {}))
      await db.transaction(ctx, (tx) => tx.many(allNotes()))
    })

    test('queries of the builder run with camelCase names', async () => {
      fresh()
      const build = queryBuilder<{ notes: { tenantId: string; id: number; body: string | null } }>()
      await db.transaction(ctx, (tx) =>
        tx.run(build.insertInto('notes').values({ tenantId: ctx.tenant.id, id: 7, body: 'built' })),
      )
      const rows = await db.read(ctx, (tx) =>
        tx.many(build.selectFrom('notes').select(['tenantId', 'body']).where('id', '=', 7)),
      )
      assert.deepEqual(rows, [{ tenantId: ctx.tenant.id, body: 'built' }])
      await assert.rejects(build.selectFrom('notes').selectAll().execute(), /does not execute/)
    })

    test('NOTIFY reaches the listeners of its channel', async () => {
      const heard = Promise.withResolvers<string>()
      const listening = await db.listen('stoa_test', heard.resolve)
      await db.notify('stoa_test', 'hello')
      if (engine === 'pglite') await db.check()
      assert.equal(await inTime(heard.promise, 'the notification'), 'hello')
      await listening[Symbol.asyncDispose]()
    })

    test('more statements than a connection keeps prepared go on working', async () => {
      fresh()
      await db.transaction(ctx, async (tx) => {
        for (let i = 0; i < 1_050; i++) await tx.one(statement<[], { n: number }>(`select ${i % 600} as n`)())
      })
    })

    test('many callers at once share the connections', async () => {
      fresh()
      await Promise.all(Array.from({ length: 60 }, (_, id) => db.transaction(ctx, put(id))))
      assert.equal((await db.read(ctx, (tx) => tx.many(allNotes()))).length, 60)
      assert.equal(db.usage().waiting, 0)
    })
  })
}

describe('transactions on postgres alone', () => {
  let db: Awaited<ReturnType<typeof openBareDatabase>>
  const ctx = tenantCtx(system, tenant('one'))
  before(async () => {
    db = await withNotes(await openBareDatabase('postgres', 2))
  })
  after(() => db[Symbol.asyncDispose]())

  test('a serialization failure runs the function again', async () => {
    await db.transaction(ctx, (tx) => tx.run(insertNote(ctx.tenant.id, 1, '0')))
    let attempts = 0
    const bothRead = Promise.withResolvers<void>()
    const increment = (): Promise<unknown> =>
      db.transaction(
        ctx,
        async (tx) => {
          const note = await tx.one(noteById(ctx.tenant.id, 1))
          if (++attempts === 2) bothRead.resolve()
          await bothRead.promise
          await tx.run(
            statement<[string, string], never>('update notes set body = $2 where tenant_id = $1')(
              ctx.tenant.id,
              String(Number(note.body) + 1),
            ),
          )
        },
        { isolation: 'serializable' },
      )
    await Promise.all([increment(), increment()])
    assert.equal((await db.read(ctx, (tx) => tx.one(noteById(ctx.tenant.id, 1)))).body, '2')
    assert.equal(attempts, 3)
  })

  test('a deadlock runs the function of the one that is given up again, and nothing of either is lost', async () => {
    const append = statement<[tenantId: string, id: number], never>(
      "update notes set body = body || '+' where tenant_id = $1 and id = $2",
    )
    for (const id of [11, 12]) await db.transaction(ctx, (tx) => tx.run(insertNote(ctx.tenant.id, id, '')))
    let attempts = 0
    const bothHold = Promise.withResolvers<void>()
    const change = (first: number, second: number) =>
      db.transaction(ctx, async (tx) => {
        await tx.run(append(ctx.tenant.id, first))
        if (++attempts === 2) bothHold.resolve()
        await bothHold.promise
        await tx.run(append(ctx.tenant.id, second))
      })
    await Promise.all([change(11, 12), change(12, 11)])
    const notes = await db.read(ctx, (tx) => Promise.all([11, 12].map((id) => tx.one(noteById(ctx.tenant.id, id)))))
    assert.deepEqual(
      notes.map(({ body }) => body),
      ['++', '++'],
    )
    // It may be too early again: what it gave back it can have before the one that waits for it wakes up.
    assert.ok(attempts >= 3)
  })

  test('a row whose partition came while it waited runs the function again, and is in that partition', async () => {
    const addRow = statement<[tenantId: string], never>('insert into parts (tenant_id, day) values ($1, 1)')
    const whereIs = statement<[], { place: string }>('select tableoid::regclass::text as place from parts')
    const waits = `select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like 'insert into parts%'`
    await db.admin((session) =>
      session.exec(`set search_path to stoa_pool;
        create table parts (tenant_id uuid not null, day int) partition by list (day);
        create table parts_default partition of parts default;
        create table parts_1 (tenant_id uuid not null, day int);
        grant select, insert on parts to stoa_app`),
    )
    await db.admin(async (session) => {
      await session.exec(
        'begin; set local search_path to stoa_pool; alter table parts attach partition parts_1 for values in (1)',
      )
      const writing = db.transaction(ctx, (tx) => tx.run(addRow(ctx.tenant.id)))
      await eventually(async () => {
        // A transaction sees who does what as it was at its first look.
        await session.exec('select pg_stat_clear_snapshot()')
        return (await session.query(waits)).length > 0
      })
      await session.exec('commit')
      await writing
    })
    assert.equal((await db.read(ctx, (tx) => tx.one(whereIs()))).place, 'parts_1')
  })

  test('a backend that is terminated fails the transaction as unavailable, and the next one works', async () => {
    const outcome = db.transaction(ctx, async (tx) => {
      const { pid } = await tx.one(backend())
      await terminate(pid)
      await tx.many(allNotes())
    })
    await assert.rejects(
      outcome,
      (error: StoaError) => error instanceof StoaError && error.code === 'unavailable' && error.retryable,
    )
    assert.ok(await db.read(ctx, (tx) => tx.one(backend())))
  })

  test('a read survives the loss of an idle connection without an error', async () => {
    const { pid } = await db.read(ctx, (tx) => tx.one(backend()))
    await terminate(pid)
    for (let i = 0; i < 4; i++) assert.ok(await db.read(ctx, (tx) => tx.one(backend())))
  })

  test('a pool without a free connection is unavailable in its time, and nobody waits for that twice', async () => {
    const acquireTimeoutMs = 1_500
    await using full = await openPostgres({ url: db.url, poolSize: 2, acquireTimeoutMs }, deps)
    const release = Promise.withResolvers<void>()
    const taken = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const holders = taken.map((mine) =>
      full.transaction(ctx, async (tx) => {
        await tx.many(allNotes())
        mine.resolve()
        await release.promise
      }),
    )
    await Promise.all(taken.map((each) => each.promise))
    const before = performance.now()
    const waiting = full.read(ctx, (tx) => tx.many(allNotes()))
    await assert.rejects(waiting, (error: StoaError) => error.code === 'unavailable')
    assert.ok(performance.now() - before < 2 * acquireTimeoutMs, 'it waited a second time')
    release.resolve()
    await Promise.all(holders)
  })

  test('an unreachable server is unavailable, and says why to the log alone', async () => {
    await using gone = await openPostgres(
      { url: 'postgres://nobody:hunter2@127.0.0.1:1/none', acquireTimeoutMs: 300 },
      deps,
    )
    await assert.rejects(
      gone.read(ctx, (tx) => tx.many(allNotes())),
      (error: StoaError) => {
        assert.equal(error.code, 'unavailable')
        assert.doesNotMatch(error.message, /hunter2|127\.0\.0\.1/)
        return true
      },
    )
    assert.equal((await gone.check()).ok, false)
  })

  async function terminate(pid: number): Promise<void> {
    await db
      .admin((session) => session.query('select pg_terminate_backend($1)', [pid]))
      .catch(async () => {
        await using second = await openPostgres({ url: db.url, poolSize: 1 }, deps)
        await second.admin((session) => session.query('select pg_terminate_backend($1)', [pid]))
      })
  }
})
