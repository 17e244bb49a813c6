import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type MigrationSet, openPostgres, statement, tenantTable } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import {
  createTestTenants,
  engines,
  openTestDatabase,
  type TestDatabase,
  type TestTenants,
  testCtx,
  testServerUrl,
} from '../src/index.ts'

const notes: MigrationSet = {
  owner: 'notes',
  migrations: [
    {
      name: '0001_notes',
      scope: 'tenant',
      breaking: false,
      up: `create table notes (tenant_id uuid not null, id int not null, primary key (tenant_id, id)); ${tenantTable('notes')}`,
    },
  ],
}
const insert = statement<[tenantId: string, id: number], never>('insert into notes values ($1, $2)')
const count = statement<[], { count: number }>('select count(*) as count from notes')

for (const engine of engines) {
  describe(`a test database on ${engine}`, () => {
    let first: TestDatabase
    let second: TestDatabase
    let tenants: TestTenants
    before(async () => {
      ;[first, second] = await Promise.all([
        openTestDatabase(engine, { sets: [notes], name: 'kit' }),
        openTestDatabase(engine, { sets: [notes], name: 'kit' }),
      ])
      tenants = await createTestTenants(first)
    })
    after(async () => {
      await first[Symbol.asyncDispose]()
      await second[Symbol.asyncDispose]()
    })

    test('has its migrations, and shares nothing with another', async () => {
      const ctx = testCtx({ tenant: tenants.pooled })
      await first.db.transaction(ctx, (tx) => tx.run(insert(tenants.pooled.id, 1)))
      assert.deepEqual(await first.db.read(ctx, (tx) => tx.one(count())), { count: 1 })
      assert.deepEqual(await second.db.read(ctx, (tx) => tx.one(count())), { count: 0 })
    })

    test('has tenants in both placements', () => {
      assert.deepEqual(
        [tenants.pooled, tenants.neighbour, tenants.placed].map((tenant) => tenant.schema),
        ['stoa_pool', 'stoa_pool', 'stoa_t_placed'],
      )
    })

    test('has ids of its own for tenants that come with the copy, and the tables of the one with a schema', async () => {
      const open = () => openTestDatabase(engine, { sets: [notes], tenants: true, name: 'kit' })
      await using one = await open()
      await using other = await open()
      const all = [await createTestTenants(one), await createTestTenants(other)]
      assert.equal(new Set(all.flatMap((own) => Object.values(own).map(({ id }) => id))).size, 6)
      const [{ placed }] = all as [TestTenants, TestTenants]
      const said = (own: TestTenants) => Object.entries(own).map(([name, { schema, slug }]) => [name, slug, schema])
      assert.deepEqual(all.map(said), [said(tenants), said(tenants)])
      const ctx = testCtx({ tenant: placed })
      await one.db.transaction(ctx, (tx) => tx.run(insert(placed.id, 1)))
      assert.deepEqual(await one.db.read(ctx, (tx) => tx.one(count())), { count: 1 })
    })

    test('another handle sees the same rows', async () => {
      const other = await first.open()
      const ctx = testCtx({ tenant: tenants.neighbour })
      await first.db.transaction(ctx, (tx) => tx.run(insert(tenants.neighbour.id, 1)))
      assert.deepEqual(await other.read(ctx, (tx) => tx.one(count())), { count: 1 })
    })
  })
}

test('a disposed database is gone from the server, whoever is connected', async () => {
  const database = await openTestDatabase('postgres', { sets: [notes] })
  const name = new URL(database.url ?? '').pathname.slice(1)
  await using server = await openPostgres({ url: testServerUrl() }, { log: silentLogger, clock: systemClock })
  const there = () =>
    server
      .admin((session) => session.query('select from pg_database where datname = $1', [name]))
      .then((rows) => rows.length)
  assert.equal(await there(), 1)
  await database[Symbol.asyncDispose]()
  assert.equal(await there(), 0)
})
