import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Clock, isError, StoaError, silentLogger } from '@stoa/kernel'
import {
  assertCompatible,
  type Database,
  literal,
  type Migration,
  type MigrationSet,
  migrate,
  migrationErrors,
  migrationStatus,
  openPostgres,
} from '../src/index.ts'
import { deps, engines, openBareDatabase } from './engines.ts'

const tenantScope = (name: string, up: string, over: Partial<Migration> = {}): Migration => ({
  name,
  scope: 'tenant',
  breaking: false,
  up,
  ...over,
})
const set = (...migrations: Migration[]): MigrationSet => ({ owner: 'links', migrations })

const links = tenantScope('0001_links', 'create table links (tenant_id uuid, id int, primary key (tenant_id, id))')
const title = tenantScope('0002_title', 'alter table links add column title text')
const broken = tenantScope('0002_title', 'alter table links add column title text; select 1 / 0')
const index = tenantScope('0003_index', 'create unique index concurrently if not exists links_id on links (id)', {
  transactional: false,
})

const names = (refs: readonly { schema: string; name: string }[]) => refs.map(({ schema, name }) => `${schema} ${name}`)
const code = (spec: { code: string }) => (error: unknown) => error instanceof StoaError && error.code === spec.code

/** The columns and indexes of `links` in a schema, in words. */
async function shapeOf(db: Database, schema = 'stoa_pool'): Promise<string[]> {
  return await db.admin(async (session) => {
    const rows = await session.query<{ name: string }>(
      `select attname::text as name from pg_attribute where attrelid = to_regclass($1) and attnum > 0
       union all select indexrelid::regclass::text from pg_index where indrelid = to_regclass($1) and indisvalid and not indisprimary`,
      [`${schema}.links`],
    )
    return rows.map((row) => row.name)
  })
}

async function addPlacement(db: Database, schema: string): Promise<void> {
  await db.admin((session) =>
    session.exec(`create schema ${schema}; insert into stoa.placements (schema, scope) values ('${schema}', 'tenant')`),
  )
}

for (const engine of engines) {
  describe(`migrations on ${engine}`, () => {
    test('a new database gets the ground and the sets, and a second run finds nothing to do', async () => {
      await using db = await openBareDatabase(engine)
      const seen: string[] = []
      const report = await migrate(db, [set(links, title, index)], deps, { onApplied: ({ name }) => seen.push(name) })
      assert.deepEqual(names(report.applied), [
        'stoa 0001_installation',
        'stoa 0002_tenants',
        'stoa_pool 0001_links',
        'stoa_pool 0002_title',
        'stoa_pool 0003_index',
      ])
      assert.deepEqual(
        seen,
        report.applied.map((applied) => applied.name),
      )
      assert.ok(report.applied.every((applied) => applied.ms >= 0))
      assert.deepEqual(await shapeOf(db), ['tenant_id', 'id', 'title', 'stoa_pool.links_id'])
      assert.deepEqual(await migrate(db, [set(links, title, index)], deps), { applied: [], pending: [] })
      await assertCompatible(db, [set(links, title, index)])
    })

    test('a dry run says what would run, in order, and changes nothing', async () => {
      await using db = await openBareDatabase(engine)
      const dry = await migrate(db, [set(links)], deps, { dryRun: true })
      assert.deepEqual(names(dry.pending), ['stoa 0001_installation', 'stoa 0002_tenants', 'stoa_pool 0001_links'])
      assert.deepEqual(
        await db.admin((session) => session.query("select from pg_namespace where nspname = 'stoa'")),
        [],
      )
    })

    test('every placement is brought up to date, and the status names the schemas that are behind', async () => {
      await using db = await openBareDatabase(engine)
      await migrate(db, [set(links)], deps)
      await addPlacement(db, 'stoa_t_acme')
      assert.deepEqual(names((await migrationStatus(db, [set(links)])).missing), ['stoa_t_acme 0001_links'])
      const status = await migrationStatus(db, [set(links, title)])
      assert.deepEqual(names(status.missing), [
        'stoa_pool 0002_title',
        'stoa_t_acme 0001_links',
        'stoa_t_acme 0002_title',
      ])
      await migrate(db, [set(links, title)], deps)
      assert.deepEqual(await shapeOf(db, 'stoa_t_acme'), ['tenant_id', 'id', 'title'])
      assert.deepEqual(await shapeOf(db), ['tenant_id', 'id', 'title'])
    })

    test('a migration that fails leaves nothing of itself, and the next run goes on from there', async () => {
      await using db = await openBareDatabase(engine)
      await assert.rejects(migrate(db, [set(links, broken)], deps), (error) => {
        assert.ok(isError(error, migrationErrors.migration_failed))
        assert.match(error.message, /links\/0002_title failed in stoa_pool: division by zero/)
        return true
      })
      assert.deepEqual(await shapeOf(db), ['tenant_id', 'id'])
      const report = await migrate(db, [set(links, title)], deps)
      assert.deepEqual(names(report.applied), ['stoa_pool 0002_title'])
    })

    test('an index that was left invalid is dropped and built again', async () => {
      await using db = await openBareDatabase(engine)
      await migrate(db, [set(links)], deps)
      const twice = `insert into stoa_pool.links values (gen_random_uuid(), 7), (gen_random_uuid(), 7)`
      await db.admin((session) => session.exec(twice))
      await assert.rejects(migrate(db, [set(links, title, index)], deps), code(migrationErrors.migration_failed))
      const invalid = "select from pg_index where not indisvalid and indexrelid = to_regclass('stoa_pool.links_id')"
      assert.equal((await db.admin((session) => session.query(invalid))).length, 1)
      await db.admin((session) => session.exec('delete from stoa_pool.links'))
      const report = await migrate(db, [set(links, title, index)], deps)
      assert.deepEqual(names(report.applied), ['stoa_pool 0003_index'])
      assert.deepEqual(await shapeOf(db), ['tenant_id', 'id', 'title', 'stoa_pool.links_id'])
    })

    test('an applied migration whose text changed stops the runner and the server', async () => {
      await using db = await openBareDatabase(engine)
      await migrate(db, [set(links, title)], deps)
      const changed = [set(links, { ...title, up: `${title.up} ` })]
      for (const attempt of [
        () => migrate(db, changed, deps),
        () => migrate(db, changed, deps, { dryRun: true }),
        () => assertCompatible(db, changed),
      ]) {
        await assert.rejects(attempt, (error) => {
          assert.ok(isError(error, migrationErrors.migration_changed))
          assert.match(error.message, /links\/0002_title in stoa_pool/)
          return true
        })
      }
    })

    test('a newer release may have been here, as long as nothing of it is breaking', async () => {
      await using db = await openBareDatabase(engine)
      await migrate(db, [set(links, title)], deps)
      await assertCompatible(db, [set(links)])
      assert.deepEqual((await migrate(db, [set(links)], deps)).applied, [])
      await migrate(
        db,
        [set(links, title, tenantScope('0003_drop', 'alter table links drop column title', { breaking: true }))],
        deps,
      )
      await assert.rejects(assertCompatible(db, [set(links, title)]), code(migrationErrors.schema_newer))
      await assert.rejects(migrate(db, [set(links, title)], deps), code(migrationErrors.schema_newer))
    })

    test('a server does not start on a schema that lacks a migration', async () => {
      await using db = await openBareDatabase(engine)
      await assert.rejects(assertCompatible(db, [set(links)]), code(migrationErrors.schema_behind))
      await migrate(db, [set(links)], deps)
      await assert.rejects(assertCompatible(db, [set(links, title)]), (error) => {
        assert.ok(isError(error, migrationErrors.schema_behind))
        assert.match(error.message, /the migration links\/0002_title in stoa_pool/)
        return true
      })
    })

    test('two runs at once do the work once', async () => {
      await using db = await openBareDatabase(engine)
      await using second = engine === 'postgres' ? await openPostgres({ url: db.url }, deps) : null
      const sets = [set(links, title, index)]
      const reports = await Promise.all([migrate(db, sets, deps), migrate(second ?? db, sets, deps)])
      assert.deepEqual(reports.map((report) => report.applied.length).sort(), [0, 5])
    })

    test('a set that is listed twice, or that names a migration twice, is a mistake of the program', async () => {
      await using db = await openBareDatabase(engine)
      await assert.rejects(migrate(db, [set(links), set(title)], deps), /two sets of migrations belong to 'links'/)
      await assert.rejects(migrate(db, [set(links, links)], deps), /links\/0001_links is listed twice/)
    })
  })
}

/** A clock whose sleepers wake at once, after `onSleep`. */
function impatientClock(onSleep: () => Promise<void>): Clock {
  return { now: () => Date.now(), sleep: onSleep }
}

describe('migrations among others on postgres', () => {
  test('a table that stays locked is not waited for without end', async () => {
    await using db = await openBareDatabase('postgres')
    await migrate(db, [set(links)], deps)
    let sleeps = 0
    const clock = impatientClock(async () => void sleeps++)
    await db.admin(async (other) => {
      await other.exec('begin; lock table stoa_pool.links in access share mode')
      const blocked = migrate(
        db,
        [set(links, title)],
        { log: silentLogger, clock },
        { lockTimeoutMs: 20, lockAttempts: 3 },
      )
      await assert.rejects(blocked, code(migrationErrors.migration_locked))
    })
    assert.equal(sleeps, 2)
  })

  test('a table that becomes free between two attempts is migrated', async () => {
    await using db = await openBareDatabase('postgres')
    await migrate(db, [set(links)], deps)
    await db.admin(async (other) => {
      await other.exec('begin; lock table stoa_pool.links in access share mode')
      const clock = impatientClock(() => other.exec('commit'))
      const report = await migrate(db, [set(links, title)], { log: silentLogger, clock }, { lockTimeoutMs: 20 })
      assert.deepEqual(names(report.applied), ['stoa_pool 0002_title'])
    })
  })

  test('whoever waits for a run that does not end gives up in time', async () => {
    await using db = await openBareDatabase('postgres')
    await migrate(db, [set(links)], deps)
    const inTheMiddle = Promise.withResolvers<void>()
    const gaveUp = Promise.withResolvers<void>()
    await db.admin(async (other) => {
      await other.exec('begin; lock table stoa_pool.links in access share mode')
      const clock = impatientClock(async () => {
        inTheMiddle.resolve()
        await gaveUp.promise
        await other.exec('commit')
      })
      const first = migrate(db, [set(links, title)], { log: silentLogger, clock }, { lockTimeoutMs: 20 })
      await inTheMiddle.promise
      await assert.rejects(migrate(db, [set(links, title)], deps, { waitMs: 0 }), code(migrationErrors.migration_busy))
      gaveUp.resolve()
      assert.equal((await first).applied.length, 1)
    })
  })

  test('a login without rights is told the statements that an administrator must run, and they are enough', async () => {
    await using db = await openBareDatabase('postgres')
    const login = `stoa_login_${db.url.slice(-12)}`
    await db.admin((session) => session.exec(`create role "${login}" login noinherit password ${literal('x')}`))
    const url = new URL(db.url)
    url.username = login
    url.password = 'x'
    try {
      await using limited = await openPostgres({ url: url.href }, deps)
      const statements = await migrate(limited, [], deps).then(
        () => assert.fail('it may not'),
        (error: StoaError) => {
          assert.equal(error.code, migrationErrors.database_rights_missing.code)
          return error.message.split('\n').slice(1).join('\n')
        },
      )
      await db.admin((session) => session.exec(statements))
      assert.equal((await migrate(limited, [set(links)], deps)).applied.length, 3)
      await assertCompatible(limited, [set(links)])
    } finally {
      await db.admin((session) => session.exec(`drop owned by "${login}" cascade; drop role "${login}"`))
    }
  })
})
