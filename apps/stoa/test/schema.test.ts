import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { assertCompatible, dumpSchema, tenancyExceptions, tenancyProblems } from '@stoa/db'
import { lintMigrations } from '@stoa/db/lint'
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
