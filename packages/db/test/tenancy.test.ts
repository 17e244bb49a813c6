import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemCtx } from '@stoa/kernel'
import { createTenant, type Database, migrate, tenancyExceptions, tenancyProblems, tenantTable } from '../src/index.ts'
import { deps, engines, openBareDatabase } from './engines.ts'

/** What the ground has without a tenant. */
const ground = tenancyExceptions(`
  stoa.installation — which installation this database belongs to
  stoa.migrations — what has been applied in which schema
  stoa.placements — the schemas that migrations run in
  stoa.tenants — the list of tenants itself
`)
const key = 'tenant_id uuid not null, id int not null, primary key (tenant_id, id)'

describe('the list of tables without a tenant', () => {
  test('gives each name its reason', () => {
    const text = '# why\n\nstoa.hosts — one list for all\n'
    assert.deepEqual([...tenancyExceptions(text)], [['stoa.hosts', 'one list for all']])
  })

  test('takes no line without a reason, and no name twice', () => {
    for (const text of ['stoa.hosts', 'stoa.hosts —', 'stoa.hosts - x', 'a.b — x\na.b — y']) {
      assert.throws(() => tenancyExceptions(text), /is not|twice/, text)
    }
  })
})

for (const engine of engines) {
  describe(`tenancy in the catalogue of ${engine}`, () => {
    let db: Database
    before(async () => {
      db = await openBareDatabase(engine)
      await migrate(db, [], deps)
      await createTenant(db, systemCtx(deps, 'test'), [], { slug: 'acme', name: 'Acme', placement: 'schema' })
    })
    after(() => db[Symbol.asyncDispose]())

    /** What the SQL, run in the pool and undone, makes of the catalogue. */
    const problemsOf = (sql: string, exceptions = ground): Promise<string[]> =>
      db.admin(async (session) => {
        await session.exec(`begin; set local search_path = stoa_pool, stoa; ${sql}`)
        const problems = await tenancyProblems(session, exceptions)
        await session.exec('rollback')
        return problems
      })

    test('the ground keeps tenants apart, but for the tables that tell of all of them', async () => {
      const problems = await db.admin((session) => tenancyProblems(session, ground, { complete: true }))
      assert.deepEqual(problems, [])
    })

    test('a tenant table as the packages make it has no problem', async () => {
      assert.deepEqual(
        await problemsOf(`
          create table notes (${key}, parent int, unique (tenant_id, parent),
            foreign key (tenant_id, parent) references notes);
          create table log (tenant_id uuid not null, at date not null, primary key (tenant_id, at)) partition by range (at);
          create table log_1 partition of log for values from ('2026-01-01') to ('2026-02-01');
          ${tenantTable('notes')} ${tenantTable('log')}`),
        [],
      )
    })

    const cases: [rule: string, sql: string, ...problems: string[]][] = [
      [
        'a table without tenant_id that is not on the list',
        'create table notes (id int primary key)',
        'stoa_pool.notes has no tenant_id and is not on the list of tables without one',
      ],
      [
        'row level security that is missing',
        `create table notes (${key})`,
        'stoa_pool.notes has row level security switched off',
        'stoa_pool.notes does not force row level security on its owner',
        'stoa_pool.notes has no policy for stoa_app',
        "stoa_pool.notes has no policy 'true' for stoa_system",
      ],
      [
        'row level security that spares the owner',
        `create table notes (${key}); ${tenantTable('notes')}; alter table notes no force row level security`,
        'stoa_pool.notes does not force row level security on its owner',
      ],
      [
        'a policy that shows more than the own rows',
        `create table notes (${key}); ${tenantTable('notes')}; create policy more on notes for select to stoa_app using (id = 1)`,
        "stoa_pool.notes has the policy more, which shows stoa_app other tenants' rows",
      ],
      [
        'a policy that lets rows be written for others',
        `create table notes (${key}); ${tenantTable('notes')}; drop policy tenant_rows on notes;
         create policy tenant_rows on notes using (tenant_id = (select current_setting('stoa.tenant')::uuid)) with check (true)`,
        "stoa_pool.notes has the policy tenant_rows, which shows stoa_app other tenants' rows",
      ],
      [
        'keys that tenant_id does not lead',
        `create table notes (tenant_id uuid not null, id int, code text unique, primary key (id, tenant_id)); ${tenantTable('notes')};
         create unique index lower_code on notes (lower(code), tenant_id)`,
        'stoa_pool.notes has the unique key lower_code, which does not begin with tenant_id',
        'stoa_pool.notes has the unique key notes_code_key, which does not begin with tenant_id',
        'stoa_pool.notes has the unique key notes_pkey, which does not begin with tenant_id',
      ],
      [
        'a tenant_id that may be missing, and no key',
        `create table notes (tenant_id uuid); ${tenantTable('notes')}`,
        'stoa_pool.notes has tenant_id as uuid instead of uuid not null',
        'stoa_pool.notes has no primary key',
      ],
      [
        "a foreign key to another tenant's row",
        `create table notes (${key}, other uuid, parent int, foreign key (other, parent) references notes); ${tenantTable('notes')}`,
        "stoa_pool.notes has the foreign key notes_other_parent_fkey, which can point at another tenant's row",
      ],
      [
        'grants to everybody',
        `create table notes (${key}); ${tenantTable('notes')}; grant select on notes to public`,
        'stoa_pool.notes grants something to every role',
      ],
      [
        'a partition that can be reached by itself',
        `create table log (tenant_id uuid not null, at date not null, primary key (tenant_id, at)) partition by range (at); ${tenantTable('log')};
         create table log_1 partition of log for values from ('2026-01-01') to ('2026-02-01'); grant select on log_1 to stoa_app`,
        "stoa_pool.log_1 is a partition that stoa_app can reach past its parent's policies",
      ],
      [
        'views and functions that act as their owner',
        `create view v as select 1 as x; create materialized view m as select 1 as x;
         create view good with (security_invoker = true) as select 1 as x;
         create function f() returns int language sql security definer as 'select 1'`,
        'stoa_pool.f is a function that acts as its owner: SECURITY DEFINER',
        'stoa_pool.m is a materialized view, which has no row level security',
        'stoa_pool.v is a view that reads as its owner: security_invoker is not set',
      ],
      [
        'a table of the application role',
        `create table notes (${key}); ${tenantTable('notes')}; grant create on schema stoa_pool to stoa_app; alter table notes owner to stoa_app`,
        'stoa_pool.notes belongs to stoa_app, which can switch its policies off',
      ],
    ]
    for (const [rule, sql, ...problems] of cases) {
      test(`finds ${rule}`, async () => assert.deepEqual(await problemsOf(sql), problems))
    }

    test('finds the same in a schema of a tenant, where the list of the pool holds too', async () => {
      const sql = 'create table stoa_t_acme.notes (id int primary key)'
      assert.equal((await problemsOf(sql)).length, 1)
      const listed = new Map([...ground, ['stoa_pool.notes', 'a reason']])
      assert.deepEqual(await problemsOf(sql, listed), [])
    })

    test('takes a listed key, and when all is migrated no entry that fits nothing', async () => {
      const sql = `create table notes (${key}, code text unique); ${tenantTable('notes')}`
      const listed = new Map([...ground, ['stoa_pool.notes.notes_code_key', 'a reason']])
      assert.deepEqual(await problemsOf(sql, listed), [])
      const stale = await db.admin((session) => tenancyProblems(session, listed, { complete: true }))
      assert.ok(
        stale.some((problem) => problem.startsWith('stoa_pool.notes.notes_code_key is on the list without need')),
      )
    })
  })
}
