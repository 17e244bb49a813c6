import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemCtx } from '@stoa/kernel'
import { createTenant, dumpSchema, type MigrationSet, migrate, tenantTable } from '../src/index.ts'
import { deps, engines, openBareDatabase } from './engines.ts'

/** One of everything that the text has to say in the same way on every version. */
const everything: MigrationSet = {
  owner: 'everything',
  migrations: [
    {
      name: '0001_everything',
      scope: 'tenant',
      breaking: false,
      up: `
        create type mood as enum ('glad', 'sad');
        create domain code as text not null check (value ~ '^[a-z]+$');
        create sequence numbers increment by 1000;
        grant usage on sequence numbers to stoa_app;
        create function twice(n int default 1) returns int language sql immutable as $$ select n * 2 $$;
        create function touched() returns trigger language plpgsql as $$ begin return new; end $$;
        create table notes (
          tenant_id uuid not null,
          id bigint generated always as identity,
          "Odd Name" mood default 'glad',
          code code,
          price numeric(10, 2) not null default 0 check (price >= 0),
          label varchar(20) collate "C",
          lower_label text generated always as (lower(label)) stored,
          tags text[] not null default '{}',
          extra jsonb not null default '{}',
          at timestamptz not null default now() check (at > '2020-01-01 00:00:00+05:30'),
          primary key (tenant_id, id)
        );
        create unlogged table replies (
          tenant_id uuid not null,
          note_id bigint not null,
          number int not null,
          unique (tenant_id, number),
          primary key (tenant_id, note_id, number),
          foreign key (tenant_id, note_id) references notes on delete cascade
        ) with (fillfactor = 80);
        create index notes_by_tag on notes using gin (tags);
        create unique index notes_label on notes (tenant_id, lower(label) desc nulls last) include (price) where label is not null;
        create trigger touched before update on notes for each row execute function touched();
        grant update (label, tags) on notes to stoa_app;
        create view cheap with (security_invoker = true) as select id, price from notes where price < 10;
        create table visits (tenant_id uuid not null, at date not null, primary key (tenant_id, at)) partition by range (at);
        create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');
        ${tenantTable('notes')} ${tenantTable('replies', { app: 'select,insert' })} ${tenantTable('visits')}`,
    },
  ],
}

const texts: string[] = []

for (const engine of engines) {
  describe(`the schema as text on ${engine}`, () => {
    test('is the same before and after, and in a schema of a tenant', async () => {
      await using db = await openBareDatabase(engine)
      await migrate(db, [everything], deps)
      const text = await db.admin((session) => dumpSchema(session))
      texts.push(text)
      assert.equal(await db.admin((session) => dumpSchema(session)), text)
      const { schema } = await createTenant(db, systemCtx(deps, 'test'), [everything], {
        slug: 'acme',
        name: 'Acme',
        placement: 'schema',
      })
      const dump = (name: string) => db.admin((session) => dumpSchema(session, { schemas: [name] }))
      assert.equal((await dump(schema)).replaceAll(schema, 'stoa_pool'), await dump('stoa_pool'))
    })

    test('names what is there, and leaves out partitions and the inside of identity columns', () => {
      const text = texts.at(-1) ?? ''
      for (const part of [
        'create table stoa.tenants (',
        "create type stoa_pool.mood as enum ('glad', 'sad');",
        'create sequence stoa_pool.numbers as bigint start 1 increment 1000',
        'grant usage on sequence stoa_pool.numbers to stoa_app;',
        '  id bigint generated always as identity not null,',
        '  label character varying(20) collate "C"',
        'FOREIGN KEY (tenant_id, note_id) REFERENCES stoa_pool.notes(tenant_id, id) ON DELETE CASCADE;',
        'alter table stoa_pool.notes force row level security;',
        'create policy tenant_rows on stoa_pool.notes to stoa_app using (',
        'grant insert, select on stoa_pool.replies to stoa_app;',
        'grant update (label, tags) on stoa_pool.notes to stoa_app;',
        'create unlogged table stoa_pool.replies (',
        'CREATE TRIGGER touched BEFORE UPDATE ON stoa_pool.notes',
        '-- view stoa_pool.cheap (id bigint, price numeric(10,2)) with (security_invoker=true)',
      ]) {
        assert.ok(text.includes(part), part)
      }
      assert.doesNotMatch(text, /visits_2026|notes_id_seq|not_null/)
    })
  })
}

test('the schema is the same text on both engines', () => assert.equal(texts[0], texts[1]))
