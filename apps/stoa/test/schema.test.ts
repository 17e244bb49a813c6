import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { assertCompatible, dumpSchema, tenancyExceptions, tenancyProblems } from '@stoa/db'
import { lintMigrations } from '@stoa/db/lint'
import { postgresSchema } from '@stoa/limiter'
import {
  createTestTenants,
  engines,
  openTestDatabase,
  type TestDatabase,
  type TestTenants,
  tryIsolation,
} from '@stoa/testkit'
import { migrationSets } from '../src/manifest.ts'

const committed = (name: string) => readFile(new URL(`../${name}`, import.meta.url), 'utf8')
const exceptions = tenancyExceptions(await committed('tables-without-tenant.txt'))

const BUCKETS = `
  select p.prosrc as code, (
    select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull, ', ' order by a.attnum)
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = n.oid and c.relname = 'limiter_buckets' and a.attnum > 0 and not a.attisdropped
  ) as columns
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where p.proname = 'limiter_take' order by n.nspname = 'limits_wanted'`

test('no migration locks a big table or breaks the release that runs', async () => {
  assert.deepEqual(await lintMigrations(migrationSets), [])
})

for (const engine of engines) {
  describe(`the schema of the whole program on ${engine}`, () => {
    let database: TestDatabase
    let tenants: TestTenants
    before(async () => {
      database = await openTestDatabase(engine, { sets: migrationSets, name: 'schema' })
      tenants = await createTestTenants(database)
    })
    after(() => database[Symbol.asyncDispose]())

    test('is what is committed', async () => {
      const text = await database.db.admin((session) => dumpSchema(session))
      assert.equal(text, (await committed('schema.sql')).replace(/^--.*\n\n/, ''))
      await assertCompatible(database.db, migrationSets)
    })

    test('has buckets of limits as the limiter wants them', async () => {
      const shapes = await database.db.admin(async (session) => {
        await session.exec(`create schema limits_wanted; ${postgresSchema('limits_wanted')}`)
        const found = await session.query<{ code: string; columns: string }>(BUCKETS)
        await session.exec('drop schema limits_wanted cascade')
        return found
      })
      const [ours, wanted] = shapes.map(({ code, columns }) => [code.replaceAll(/limits_wanted\.|\s+/g, ''), columns])
      assert.ok(ours && wanted)
      assert.deepEqual(
        ours,
        wanted,
        'postgresSchema() of @stoa/limiter has changed: another migration has to follow it',
      )
    })

    test('is the same in the schema of a tenant as in the pool', async () => {
      const dump = (schema: string) => database.db.admin((session) => dumpSchema(session, { schemas: [schema] }))
      const { schema } = tenants.placed
      assert.equal((await dump(schema)).replaceAll(schema, 'stoa_pool'), await dump('stoa_pool'))
    })

    test('keeps tenants apart in every table, but for those on the list', async () => {
      const problems = await database.db.admin((session) => tenancyProblems(session, exceptions, { complete: true }))
      assert.deepEqual(problems, [])
    })

    // The last one: made-up rows spoil the database.
    test('lets no tenant reach the rows of another, in any table and either placement', async () => {
      for (const tenant of [tenants.pooled, tenants.placed]) {
        const { checked, problems } = await tryIsolation(database.db, tenant)
        assert.deepEqual(problems, [])
        for (const table of ['stoa.events', 'stoa.api_keys', `${tenant.schema}.links`])
          assert.ok(checked.includes(table), table)
      }
    })
  })
}
