import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newId, StoaError, systemCtx, tenantCtx } from '@stoa/kernel'
import {
  createTenant,
  type Database,
  type MigrationSet,
  migrate,
  migrationErrors,
  migrationStatus,
  type NewTenant,
  openPostgres,
  statement,
  tenantById,
  tenantBySlug,
  tenantErrors,
  tenantList,
  tenantTable,
} from '../src/index.ts'
import { deps, engines, openBareDatabase } from './engines.ts'

const notes: MigrationSet = {
  owner: 'notes',
  migrations: [
    {
      name: '0001_notes',
      scope: 'tenant',
      breaking: false,
      up: `create table notes (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id)); ${tenantTable('notes')}`,
    },
    {
      name: '0002_body',
      scope: 'tenant',
      breaking: false,
      transactional: false,
      up: 'create index concurrently if not exists notes_by_id on notes (id)',
    },
  ],
}
const sets = [notes]
const ctx = systemCtx(deps, 'test')
const acme: NewTenant = { slug: 'acme-shop', name: 'Acme', placement: 'schema' }
const code = (spec: { code: string }) => (error: unknown) => error instanceof StoaError && error.code === spec.code

const insertNote = statement<[tenantId: string, id: string], never>('insert into notes values ($1, $2)')
const countNotes = statement<[], { count: number }>('select count(*) as count from notes')

for (const engine of engines) {
  describe(`tenants on ${engine}`, () => {
    const setup = async (): Promise<Database & { url: string }> => {
      const db = await openBareDatabase(engine)
      await migrate(db, sets, deps)
      return db
    }

    test('a pooled tenant and one with a schema of its own use the same module', async () => {
      await using db = await setup()
      const pooled = await createTenant(db, ctx, sets, { slug: 'umbrella', name: 'Umbrella', placement: 'pool' })
      const own = await createTenant(db, ctx, sets, acme)
      assert.deepEqual([pooled.schema, own.schema], ['stoa_pool', 'stoa_t_acme_shop'])
      for (const tenant of [pooled, own]) {
        const as = tenantCtx(ctx, tenant)
        await db.transaction(as, (tx) => tx.run(insertNote(tenant.id, newId())))
        assert.deepEqual(await db.read(as, (tx) => tx.one(countNotes())), { count: 1 })
      }
      const [own_] = await db.admin((session) =>
        session.query<{ pool: number; own: number }>(
          'select (select count(*) from stoa_pool.notes) as pool, (select count(*) from stoa_t_acme_shop.notes) as own',
        ),
      )
      assert.deepEqual(own_, { pool: 1, own: 1 })
      assert.deepEqual((await migrationStatus(db, sets)).missing, [])
    })

    test('in a schema of its own too, row level security stands between tenants', async () => {
      await using db = await setup()
      const own = await createTenant(db, ctx, sets, acme)
      await db.transaction(tenantCtx(ctx, own), (tx) => tx.run(insertNote(own.id, newId())))
      const intruder = tenantCtx(ctx, { ...own, id: newId() })
      assert.deepEqual(await db.read(intruder, (tx) => tx.one(countNotes())), { count: 0 })
    })

    test('tenants are found by slug and by id, and listed by slug', async () => {
      await using db = await setup()
      for (const slug of ['bravo', 'alpha', 'charlie']) {
        await createTenant(db, ctx, sets, { slug, name: slug, placement: 'pool' })
      }
      const alpha = await tenantBySlug(db, ctx, 'alpha')
      assert.equal(alpha?.name, 'alpha')
      assert.ok(alpha.createdAt instanceof Date)
      assert.deepEqual(await tenantById(db, ctx, alpha.id), alpha)
      assert.equal(await tenantBySlug(db, ctx, 'delta'), undefined)
      assert.equal(await tenantById(db, ctx, newId()), undefined)
      const slugs = async (page: { after?: string; limit?: number }) =>
        (await tenantList(db, ctx, page)).map((tenant) => tenant.slug)
      assert.deepEqual(await slugs({}), ['alpha', 'bravo', 'charlie'])
      assert.deepEqual(await slugs({ after: 'alpha', limit: 1 }), ['bravo'])
    })

    test('a slug is taken once, by whichever placement and however many ask at the same time', async () => {
      await using db = await setup()
      await createTenant(db, ctx, sets, acme)
      for (const placement of ['pool', 'schema'] as const) {
        await assert.rejects(createTenant(db, ctx, sets, { ...acme, placement }), code(tenantErrors.tenant_slug_taken))
      }
      const racers = (['pool', 'schema', 'pool', 'schema'] as const).map((placement) =>
        createTenant(db, ctx, sets, { slug: 'racing', name: 'Racing', placement }),
      )
      const outcomes = await Promise.allSettled(racers)
      assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1)
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') assert.ok(code(tenantErrors.tenant_slug_taken)(outcome.reason))
      }
    })

    test('a slug fits into a host name and a schema name', async () => {
      await using db = await setup()
      const invalid = [
        'ab',
        'a'.repeat(41),
        '1ab',
        'Acme',
        'a_b',
        'a--b',
        'ab-',
        '-ab',
        'a b',
        'äcme',
        'admin',
        'stoa',
        "a';--",
        '',
      ]
      for (const slug of invalid) {
        await assert.rejects(
          createTenant(db, ctx, sets, { ...acme, slug }),
          code(tenantErrors.tenant_slug_invalid),
          slug,
        )
      }
      for (const slug of ['abc', 'a'.repeat(40), 'a-1-b']) await createTenant(db, ctx, sets, { ...acme, slug })
    })

    test('a tenant whose migrations fail is not there, and the same call goes on where they stopped', async () => {
      await using db = await setup()
      const broken: MigrationSet = {
        owner: 'more',
        migrations: [{ name: '0001_more', scope: 'tenant', breaking: false, up: 'select 1 / 0' }],
      }
      await assert.rejects(createTenant(db, ctx, [notes, broken], acme), code(migrationErrors.migration_failed))
      assert.equal(await tenantBySlug(db, ctx, acme.slug), undefined)
      const tenant = await createTenant(db, ctx, sets, acme)
      await db.transaction(tenantCtx(ctx, tenant), (tx) => tx.run(insertNote(tenant.id, newId())))
    })

    test('a tenant reads its own row of the list of tenants, and no other', async () => {
      await using db = await setup()
      const own = await createTenant(db, ctx, sets, acme)
      await createTenant(db, ctx, sets, { slug: 'umbrella', name: 'Umbrella', placement: 'pool' })
      const slugs = statement<[], { slug: string }>('select slug from stoa.tenants')
      assert.deepEqual(await db.read(tenantCtx(ctx, own), (tx) => tx.many(slugs())), [{ slug: 'acme-shop' }])
    })
  })
}

test('two processes that create the same tenant at once make one', async () => {
  await using db = await openBareDatabase('postgres')
  await migrate(db, sets, deps)
  await using second = await openPostgres({ url: db.url }, deps)
  const outcomes = await Promise.allSettled([createTenant(db, ctx, sets, acme), createTenant(second, ctx, sets, acme)])
  assert.deepEqual(outcomes.map((outcome) => outcome.status).sort(), ['fulfilled', 'rejected'])
})
