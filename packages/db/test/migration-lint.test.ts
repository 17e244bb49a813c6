import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { groundMigrations } from '../src/ground-migrations.ts'
import { type Migration, sharedTable, tenantTable } from '../src/migration.ts'
import { type LintRule, lintMigrations } from '../src/migration-lint.ts'

const table: Migration = {
  name: '0001_links',
  scope: 'tenant',
  breaking: false,
  up: 'create table links (tenant_id uuid, id uuid, a int, b int, primary key (tenant_id, id));',
}

/** The rules that the text breaks in a migration after the one that made the table `links`. */
async function rules(up: string, over: Partial<Migration> = {}): Promise<LintRule[]> {
  const migration: Migration = { name: '0002_change', scope: 'tenant', breaking: false, up, ...over }
  const problems = await lintMigrations([groundMigrations, { owner: 'links', migrations: [table, migration] }])
  return problems.map((problem) => problem.rule)
}

async function refuses(rule: LintRule, texts: readonly string[], over: Partial<Migration> = {}): Promise<void> {
  for (const text of texts) assert.deepEqual(await rules(text, over), [rule], text)
}

async function allows(texts: readonly string[], over: Partial<Migration> = {}): Promise<void> {
  for (const text of texts) assert.deepEqual(await rules(text, over), [], text)
}

const alone = { transactional: false }
const breaking = { breaking: true }

describe('the lint of migrations', () => {
  it('finds nothing in the ground and in the SQL of tables', async () => {
    assert.deepEqual(await lintMigrations([groundMigrations]), [])
    await allows([
      `create table tags (tenant_id uuid, id uuid, primary key (tenant_id, id)); ${tenantTable('tags')}`,
      `create table hosts (host text primary key); ${sharedTable('hosts')}`,
    ])
  })

  it('says where: owner, migration and the line of the statement', async () => {
    const up = `-- stoa_pool.links in a comment is fine, and so is 'create index' in a text: é
comment on table links is 'create index on stoa.links';

/* two
   lines */ create index on links (a);`
    const [problem] = await lintMigrations([{ owner: 'links', migrations: [table, { ...table, name: '0002_i', up }] }])
    assert.deepEqual(
      { owner: problem?.owner, migration: problem?.migration, rule: problem?.rule, line: problem?.line },
      { owner: 'links', migration: '0002_i', rule: 'index-locks', line: 5 },
    )
  })

  it('lets a migration do anything to a table that it creates', async () => {
    await allows([
      `create table tags (id int);
       create index on tags (id);
       alter table tags add column a text not null, add column b uuid default gen_random_uuid(), add check (a <> '');
       alter table tags alter column a set not null, alter column a type int using 1, drop column b;
       truncate tags; drop table tags`,
    ])
  })

  it('refuses an index on an existing table that is not built concurrently', async () => {
    await refuses('index-locks', ['create index on links (a)', 'create unique index i on links (a)', 'drop index i'])
    await allows(
      ['create index concurrently if not exists i on links (a)', 'drop index concurrently if exists i;'],
      alone,
    )
  })

  it('refuses CONCURRENTLY inside a transaction', async () => {
    await refuses('concurrently-in-transaction', [
      'create index concurrently if not exists i on links (a)',
      'drop index concurrently i',
    ])
  })

  it('refuses anything but one repeatable statement outside of a transaction', async () => {
    await refuses('alone', ['create index concurrently i on links (a)', 'drop index concurrently i'], alone)
    await refuses('alone', ['insert into links values (null, null, 1, 2)'], alone)
    await refuses('alone', ['drop index concurrently if exists i; drop index concurrently if exists j'], alone)
  })

  it('refuses a new column that existing rows have no value for', async () => {
    await refuses('column-not-null', [
      'alter table links add column c text not null',
      'alter table links add column c text not null default null',
    ])
    await allows(["alter table links add column c text, add column d text not null default 'x'"])
  })

  it('refuses a default that differs from row to row, and takes one that is the same for all', async () => {
    await refuses('column-default', [
      'alter table links add column c uuid not null default gen_random_uuid()',
      'alter table links add column c float default random() * 2',
    ])
    await allows([
      "alter table links add column c jsonb not null default '{}'::jsonb",
      "alter table links add column c int[] default array[1, 2], add column d text[] not null default '{}'",
      'alter table links add column c timestamptz not null default now(), add column d date default current_date',
      'alter table links alter column a set default random()',
    ])
  })

  it('refuses a new column that is computed for every row', async () => {
    await refuses('column-rewrite', [
      'alter table links add column c int generated always as (a + 1) stored',
      'alter table links add column c bigint generated always as identity',
      'alter table links add column c bigserial',
    ])
  })

  it('lets a migration that breaks with the release before hold tables up: nobody runs on them', async () => {
    await allows(
      [
        'drop index i; create index i on links (a)',
        'alter table links add column c int generated always as (a + 1) stored',
      ],
      breaking,
    )
    await refuses('type-change', ['alter table links alter column a type text'], breaking)
  })

  it('refuses SET NOT NULL without a validated CHECK, and takes the three steps', async () => {
    await refuses('set-not-null', ['alter table links alter column a set not null'])
    const steps = (...ups: string[]) =>
      lintMigrations([
        {
          owner: 'links',
          migrations: [table, ...ups.map((up, index) => ({ ...table, name: `000${index + 2}_step`, up }))],
        },
      ])
    const add = 'alter table links add constraint a_there check (a is not null and b is not null) not valid'
    const validate = 'alter table links validate constraint a_there'
    const set = 'alter table links alter column a set not null, alter column b set not null'
    assert.deepEqual(await steps(add, validate, `${set}, drop constraint a_there`), [])
    assert.deepEqual(await steps(add, `${validate}; ${set}`), [])
    for (const wrong of [
      [add, set],
      [add, validate, 'alter table links drop constraint a_there', set],
    ]) {
      assert.deepEqual([...new Set((await steps(...wrong)).map((problem) => problem.rule))], ['set-not-null'])
    }
    const either = 'alter table links add constraint a_there check (a is not null or b is not null) not valid'
    assert.equal((await steps(either, validate, set)).length, 2)
  })

  it('refuses to validate a constraint under the lock of its adding', async () => {
    await refuses('validate-apart', [
      'alter table links add constraint c check (a > 0) not valid; alter table links validate constraint c',
    ])
  })

  it('refuses a change of type', async () => {
    await refuses('type-change', [
      'alter table links alter column a type bigint',
      'alter table links alter a set data type text',
    ])
  })

  it('refuses to drop what the running release uses, unless the migration is breaking', async () => {
    const drops = ['alter table links drop column a', 'drop table links', 'drop function f(int)', 'drop type mood']
    await refuses('drop', drops)
    await allows(drops, breaking)
    await allows(['drop trigger t on links', 'drop policy p on links', 'alter table links drop constraint c'])
  })

  it('refuses to rename what running code names, breaking or not', async () => {
    const renames = [
      'alter table links rename to paths',
      'alter table links rename column a to c',
      'alter type t rename to u',
    ]
    await refuses('rename', renames)
    await refuses('rename', renames, breaking)
    await allows(['alter index i rename to j', 'alter table links rename constraint a to b'])
  })

  it('refuses a constraint that is checked on every row at once', async () => {
    await refuses('constraint-locks', [
      'alter table links add constraint c check (a > 0)',
      'alter table links add constraint f foreign key (tenant_id, id) references links',
      'alter table links add constraint u unique (tenant_id, a)',
      'alter table links add constraint e exclude (a with =)',
      'alter table links add column c int unique',
      'alter table links add column c int references links',
      'alter table links add column c int check (c > 0)',
    ])
    await allows([
      'alter table links add constraint c check (a > 0) not valid',
      'alter table links add constraint f foreign key (tenant_id, id) references links not valid',
      'alter table links add constraint u unique using index i',
    ])
  })

  it('refuses names with a schema, in function bodies too', async () => {
    await refuses('schema-name', [
      'create table stoa_pool.tags (id int)',
      'create table tags (id int references stoa.tenants)',
      'create table tags (mood stoa.mood)',
      'create table tags (id int default public.f())',
      'select * from public.things',
      'create function f() returns int language plpgsql as $$ begin return (select 1 from stoa_pool.links); end $$',
      'create schema other',
      'grant select on all tables in schema stoa_pool to stoa_app',
      'comment on table stoa.links is null',
    ])
    await refuses('schema-name', ['drop index concurrently if exists stoa_pool.i'], alone)
    await allows([
      'create table tags (at timestamptz default pg_catalog.now())',
      'select \'stoa_pool.links\', links.a from links where "links".b = $x$stoa.links$x$::int',
      'comment on column links.a is null',
      'create function f() returns int language sql as $$ select links.a from links $$',
    ])
  })

  it('refuses to touch the session, the transaction and the roles', async () => {
    await refuses('session', [
      'set search_path = x',
      'set local lock_timeout = 0',
      'begin',
      'commit',
      "select set_config('search_path', 'x', true)",
    ])
    await refuses('role', [
      'set local role x',
      'set session authorization x',
      'reset role',
      'create role x',
      'grant stoa_system to x',
      'alter table links owner to x',
    ])
  })

  it('refuses what takes row level security away', async () => {
    await refuses('row-security', [
      'alter table links disable row level security',
      'alter table links no force row level security',
      'create view v as select * from links',
      'create function f() returns int language sql security definer as $$ select 1 $$',
    ])
    await allows([
      'create view v with (security_invoker = true) as select * from links',
      'create function f() returns int language sql security invoker as $$ select 1 $$',
    ])
  })

  it('refuses to change the tables of others, or of the other scope', async () => {
    await refuses('foreign-table', ['alter table tenants add column c int', 'alter table nowhere add column c int'])
    await refuses('foreign-table', ['alter table links add column c int'], { scope: 'shared' })
  })

  it('refuses statements that lock a table while they work', async () => {
    await refuses('table-locks', [
      'lock table links',
      'truncate links',
      'cluster links',
      'vacuum full links',
      'reindex table links',
      'alter table links set unlogged',
      'create table part partition of links for values from (1) to (2)',
    ])
  })

  it('refuses what it does not know and what it cannot see into', async () => {
    await refuses('unknown-statement', [
      'do $$ begin execute $x$ drop table links $x$; end $$',
      'create extension hstore',
    ])
  })

  it('refuses text that PostgreSQL cannot read, and no text', async () => {
    await refuses('syntax', ['create tabel x ()', '', '-- nothing'])
  })

  it('wants names that sort as they run', async () => {
    await refuses('name', ['select 1'], { name: 'second' })
    await refuses('name', ['select 1'], { name: '0001_again' })
  })
})
