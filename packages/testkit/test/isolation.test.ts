import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type MigrationSet, tenantTable } from '@stoa/db'
import { createTestTenants, engines, openTestDatabase, tryIsolation } from '../src/index.ts'

/** Tables of every shape that a row has to be made up for. */
const shapes: MigrationSet = {
  owner: 'shapes',
  migrations: [
    {
      name: '0001_shapes',
      scope: 'tenant',
      breaking: false,
      up: `
        create type mood as enum ('glad', 'sad');
        create domain code as text check (value <> '');
        create table notes (
          tenant_id uuid not null, id uuid not null, number bigint generated always as identity, mood mood not null, code code not null,
          price numeric(10, 2) not null check (price < 0), ok boolean not null, at timestamptz not null, day date not null, tags text[] not null,
          extra jsonb not null, raw bytea not null, ip inet not null, span interval not null, during tstzrange not null,
          label varchar(12) not null check (label like 'x%'), size int not null default 3, maybe text,
          primary key (tenant_id, id), unique (tenant_id, label)
        );
        create table replies (
          tenant_id uuid not null, note_id uuid not null, id uuid not null, primary key (tenant_id, id),
          foreign key (tenant_id, note_id) references notes
        );
        create table visits (tenant_id uuid not null, at timestamptz not null, primary key (tenant_id, at)) partition by range (at);
        ${tenantTable('notes')} ${tenantTable('replies', { app: 'select,insert' })} ${tenantTable('visits')}`,
    },
    {
      name: '0002_shared',
      scope: 'shared',
      breaking: false,
      up: `create table log (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id)); ${tenantTable('log', { app: 'insert' })}`,
    },
  ],
}

/** A set whose one table has the flaw. */
const flawed = (flaw: string): MigrationSet => ({
  owner: 'flawed',
  migrations: [
    {
      name: '0001_flawed',
      scope: 'tenant',
      breaking: false,
      up: `create table notes (tenant_id uuid not null, id uuid not null, body text, primary key (tenant_id, id)); ${tenantTable('notes')}; ${flaw}`,
    },
  ],
})

for (const engine of engines) {
  describe(`isolation on ${engine}`, () => {
    test('holds for tables of every shape, in the pool and in a schema of its own', async () => {
      await using database = await openTestDatabase(engine, { sets: [shapes], name: 'isolation' })
      const { pooled, placed } = await createTestTenants(database)
      for (const tenant of [pooled, placed]) {
        assert.deepEqual(await tryIsolation(database.db, tenant), {
          checked: ['stoa.log', ...['notes', 'replies', 'visits'].map((table) => `${tenant.schema}.${table}`)],
          problems: [],
        })
      }
    })

    const flaws: [flaw: string, sql: string, ...problems: string[]][] = [
      [
        'no row level security',
        'alter table notes disable row level security',
        'its rows can be read',
        'more than the own rows can be read',
        'rows can be changed',
        'rows can be deleted',
        'rows can be given away',
        'rows can be forged',
        'rows of the other tenant changed',
      ],
      [
        'a policy that lets everything be read',
        'create policy all_rows on notes for select to stoa_app using (true)',
        'its rows can be read',
        'more than the own rows can be read',
      ],
      [
        'a policy that lets rows be written for others',
        "drop policy tenant_rows on notes; create policy tenant_rows on notes to stoa_app using (tenant_id = (select current_setting('stoa.tenant')::uuid)) with check (true)",
        'rows can be given away',
        'rows can be forged',
        'rows of the other tenant changed',
      ],
      [
        'a policy that hides everything',
        'drop policy tenant_rows on notes',
        'not even the own row can be read, so nothing is proven',
      ],
    ]
    for (const [flaw, sql, ...problems] of flaws) {
      test(`finds ${flaw}`, async () => {
        await using database = await openTestDatabase(engine, { sets: [flawed(sql)], name: 'isolation' })
        const { pooled } = await createTestTenants(database)
        const report = await tryIsolation(database.db, pooled)
        assert.deepEqual(
          report.problems,
          problems.map((problem) => `stoa_pool.notes: ${problem}`),
        )
      })
    }

    test('a seeded row is used as it is', async () => {
      await using database = await openTestDatabase(engine, { sets: [flawed('')], name: 'isolation' })
      const { pooled } = await createTestTenants(database)
      const seed = `insert into stoa_pool.notes values ('${pooled.id}', gen_random_uuid(), 'seeded')`
      await database.db.admin((session) => session.exec(seed))
      assert.deepEqual((await tryIsolation(database.db, pooled)).problems, [])
      const rows = await database.db.admin((session) =>
        session.query(`select from stoa_pool.notes where tenant_id = $1`, [pooled.id]),
      )
      assert.equal(rows.length, 1)
    })
  })
}
